"""DigitalOcean. The vendor's OpenAPI description: record names are relative, @ is the apex."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "type": "{type}", "name": "{name@}", "data": "{value}", "priority": None,
          "port": None, "ttl": "{ttl#int}", "weight": None, "flags": None, "tag": None}
DOMAIN = {"name": "{zone}", "ttl": 1800, "zone_file": "..."}
LINKS = {"links": {"pages": {"next": "{link#json}"}}, "meta": {"total": "{total#int}"}}

FACTS = Vendor(
    "https://api.digitalocean.com",
    auth=bearer("DO_AUTH_TOKEN"),
    zone_ids=None, ttl=(30, 2147483647), limit=(250, 60),
    error=Error(422, {"id": "{code}", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        get_zone("/v2/domains/{zone}", {"domain": DOMAIN}),
        list_zones("/v2/domains", {"domains": each("zones", DOMAIN), **LINKS},
                   paging=links(size="per_page", largest=200)),
        list_records("/v2/domains/{zone}/records", {"domain_records": each("records", RECORD), **LINKS},
                     query={"type?": "{type}", "name?": "{fqdn}"},
                     paging=links(size="per_page", largest=200)),
        create(None, {"domain_record": RECORD}, status=201),
        delete(None),
    ])
