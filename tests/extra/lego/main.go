// lego's library with four of its providers, for the tests: its own program has all 200 and takes
// ten minutes to build. Settings come from lego's environment variables, as in its program.
//
//	lego PROVIDER SERVER RESOLVER FOLDER DOMAIN...
//
// leaves DOMAIN.crt and DOMAIN.key in FOLDER, named after the first domain.
package main

import (
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/certcrypto"
	"github.com/go-acme/lego/v5/certificate"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
	"github.com/go-acme/lego/v5/lego"
	"github.com/go-acme/lego/v5/providers/dns/acmedns"
	"github.com/go-acme/lego/v5/providers/dns/dnsupdate"
	"github.com/go-acme/lego/v5/providers/dns/exec"
	"github.com/go-acme/lego/v5/providers/dns/httpreq"
	"github.com/go-acme/lego/v5/registration"
)

type user struct {
	key     crypto.Signer
	account *acme.ExtendedAccount
}

func (u *user) GetEmail() string                       { return "hostmaster@example.test" }
func (u *user) GetRegistration() *acme.ExtendedAccount { return u.account }
func (u *user) GetPrivateKey() crypto.Signer           { return u.key }

func provider(name string) (challenge.Provider, error) {
	switch name {
	case "acme-dns":
		return acmedns.NewDNSProvider()
	case "rfc2136": // Its name until lego 5.
		return dnsupdate.NewDNSProvider()
	case "exec":
		return exec.NewDNSProvider()
	case "httpreq":
		return httpreq.NewDNSProvider()
	}
	return nil, fmt.Errorf("no provider %s", name)
}

func register(ctx context.Context, server string) (*lego.Client, error) {
	key, err := certcrypto.GeneratePrivateKey(certcrypto.EC256)
	if err != nil {
		return nil, err
	}
	who := &user{key: key}
	config := lego.NewConfig(who)
	config.CADirURL = server
	client, err := lego.NewClient(config)
	if err != nil {
		return nil, err
	}
	who.account, err = client.Registration.Register(ctx,
		registration.RegisterOptions{TermsOfServiceAgreed: true})
	if err != nil {
		return nil, err
	}
	return lego.NewClient(config)
}

func obtain(ctx context.Context, name, server, resolver, folder string, domains []string) error {
	// The name servers are not on port 53, so only the resolver is asked whether the value is there.
	dns01.SetDefaultClient(dns01.NewClient(
		&dns01.Options{RecursiveNameservers: []string{resolver}}))
	client, err := register(ctx, server)
	if err != nil {
		return err
	}
	solver, err := provider(name)
	if err != nil {
		return err
	}
	err = client.Challenge.SetDNS01Provider(solver,
		dns01.DisableAuthoritativeNssPropagationRequirement())
	if err != nil {
		return err
	}
	got, err := client.Certificate.Obtain(ctx, certificate.ObtainRequest{
		Domains: domains, Bundle: true, KeyType: certcrypto.EC256})
	if err != nil {
		return err
	}
	base := filepath.Join(folder, domains[0])
	if err := os.WriteFile(base+".crt", got.Certificate, 0o600); err != nil {
		return err
	}
	return os.WriteFile(base+".key", got.PrivateKey, 0o600)
}

func main() {
	if len(os.Args) < 6 {
		fmt.Fprintln(os.Stderr, "usage: lego PROVIDER SERVER RESOLVER FOLDER DOMAIN...")
		os.Exit(2)
	}
	err := obtain(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
