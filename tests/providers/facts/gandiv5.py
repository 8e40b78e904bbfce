"""Gandi LiveDNS. api.gandi.net/docs/livedns: TXT is returned in quotes, taken with or without."""

from vendor import *  # noqa: F403

RRSET = {"rrset_name": "{name@}", "rrset_type": "TXT", "rrset_ttl": "{ttl#int}",
         "rrset_href": "...", "rrset_values": each("records", "{qvalue}")}

FACTS = Vendor(
    "https://api.gandi.net/v5/livedns",
    auth=[bearer("GANDIV5_PERSONAL_ACCESS_TOKEN"), bearer("GANDIV5_API_KEY", "Apikey")],
    zone_ids=None, ttl=(300, 2592000), limit=(1000, 60),
    error=Error(400, {"code": "{status#int}", "message": "{text}", "object": "dns-record", "cause": "..."}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domains", each("zones", {"fqdn": "{zone}", "domain_href": "..."})),
        get_zone("/domains/{zone}", {"fqdn": "{zone}", "automatic_snapshots": False}),
        get_rrset("/domains/{zone}/records/{name@}/TXT", RRSET),
        put_rrset("/domains/{zone}/records/{name@}/TXT", {"message": "DNS Record Created"}, status=201,
                  json={"rrset_ttl?": "{ttl#int}", "rrset_values": each("records", "{anyvalue}")}),
        delete_rrset("/domains/{zone}/records/{name@}/TXT"),
    ])
