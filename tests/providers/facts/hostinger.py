"""Hostinger. developers.hostinger.com: RRsets of a zone; overwrite replaces those that are named; quoted data."""

from vendor import *  # noqa: F403

RRSET = {"name": "{name@}", "type": "{type}", "ttl": "{ttl#int}",
         "records": each("records", {"content": "{qvalue}", "is_disabled": False})}
PATH = "/api/dns/v1/zones/{zone}"
GOOD = {"message": "Request accepted"}

FACTS = Vendor(
    "https://developers.hostinger.com",
    auth=bearer("HOSTINGER_API_TOKEN"), zone_ids=None,
    error=Error(422, {"message": "{text}", "correlation_id": "26a91bd9"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        route("list_rrsets", "GET", PATH, each("rrsets", RRSET)),
        put_rrset(PATH, GOOD, json={"overwrite": True, "zone": [{
            "name": "{name@}", "type": "TXT", "ttl": "{ttl#int}",
            "records": each("records", {"content": "{anyvalue}"}, least=1)}]}),
        delete_rrset(PATH, GOOD, json={"filters": [{"name": "{name@}", "type": "TXT"}]}),
    ])
