// Caddy with the plugins acmedns and rfc2136, as xcaddy would write it.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddy-dns/acmedns"
	_ "github.com/caddy-dns/rfc2136"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
