"""F5 Distributed Cloud. docs.cloud.f5.com dns-zone-rrset: RRsets in a group of the zone."""

from vendor import *  # noqa: F403

BASE = "/api/config/dns/namespaces/system/dns_zones/{zone}/rrsets/acme"
RRSET = {"description": "{note}", "ttl": "{ttl#int}",
         "txt_record": {"name": "{name}", "values": each("records", "{value}", least=1)}}
REPLY = {"dns_zone_name": "{zone}", "group_name": "acme", "rrset": RRSET}

FACTS = Vendor(
    "https://tenant.console.ves.volterra.io", settings={"tenant": "tenant", "group": "acme"},
    skip={"apex": "how the apex is written is not known"},
    auth=headers(Authorization="APIToken {F5XC_API_TOKEN}"), zone_ids=None,
    error=Error(400, {"code": "{status#int}", "details": [], "message": "{text}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        get_rrset(BASE + "/{name@}/TXT", REPLY),
        put_rrset(BASE, REPLY, method="POST", only="absent", status=200,
                  json={"dns_zone_name": "{zone}", "group_name": "acme", "rrset": RRSET}),
        put_rrset(BASE + "/{name@}/TXT", REPLY, only="present",
                  json={"dns_zone_name": "{zone}", "group_name": "acme", "type": "TXT", "rrset": RRSET}),
        delete_rrset(BASE + "/{name@}/TXT", {"dns_zone_name": "{zone}"}),
    ])
