"""NS1. ns1-go, lego, acme.sh, dns-lexicon: a record set is made by PUT and changed by POST."""

from vendor import *  # noqa: F403

ANSWERS = each("records", {"answer": ["{value}"], "id?": "{id}"}, least=1)
RECORD = {"id": "x", "zone": "{zone}", "domain": "{fqdn}", "type": "TXT", "ttl": "{ttl#int}",
          "tier": 1, "answers": each("records", {"answer": ["{value}"], "id": "x"})}
BODY = {"zone": "{zone}", "domain": "{fqdn}", "type": "TXT", "ttl?": "{ttl#int}", "answers": ANSWERS}
PATH = "/zones/{zone}/{fqdn}/TXT"

FACTS = Vendor(
    "https://api.nsone.net/v1",
    auth=Auth(headers={"X-NSONE-Key": "{NS1_API_KEY}"}),
    zone_ids=None,
    error=Error(400, {"message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        get_zone("/zones/{zone}", {"id": "x", "zone": "{zone}", "ttl": 3600}, query={"records?": "false"}),
        get_rrset(PATH, RECORD),
        put_rrset(PATH, RECORD, status=200, json=BODY, only="absent"),
        put_rrset(PATH, RECORD, status=200, method="POST", json=BODY, only="present"),
        delete_rrset(PATH, {}, status=200),
    ])
