"""GoDaddy. developer.godaddy.com/doc/endpoint/domains: an absent RRset is an empty list."""

from vendor import *  # noqa: F403

RECORD = {"data": "{value}", "name": "{name@}", "ttl": "{ttl#int}", "type": "TXT"}

FACTS = Vendor(
    "https://api.godaddy.com",
    auth=Auth(headers={"Authorization": "sso-key {GODADDY_API_KEY}:{GODADDY_API_SECRET}"}),
    zone_ids=None, ttl=(600, 604800), limit=(60, 60),
    error=Error(422, {"code": "{code}", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/v1/domains", each("zones", {"domain": "{zone}", "status": "ACTIVE"})),
        get_zone("/v1/domains/{zone}", {"domain": "{zone}", "domainId": 1, "status": "ACTIVE"}),
        get_rrset("/v1/domains/{zone}/records/TXT/{name@}", each("records", RECORD), empty=True),
        put_rrset("/v1/domains/{zone}/records/TXT/{name@}", None, status=200,
                  json=each("records", {"data": "{value}", "ttl?": "{ttl#int}", "name?": "{name@}",
                                        "type?": "TXT"}, least=1)),
        delete_rrset("/v1/domains/{zone}/records/TXT/{name@}"),
    ])
