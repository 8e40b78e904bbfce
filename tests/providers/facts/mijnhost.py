"""mijn.host. mijn.host/api/doc, lego's fixtures, acme.sh: PUT writes all records, names are absolute."""

from vendor import *  # noqa: F403

RECORDS = each("records", {"type": "{type}", "name": "{fqdn.}", "value": "{value}", "ttl": "{ttl#int}"})
DONE = {"status": 200, "status_description": "Request successful"}

FACTS = Vendor(
    "https://mijn.host/api/v2",
    auth=Auth(headers={"API-Key": "{MIJNHOST_API_KEY}"}),
    zone_ids=None,
    error=Error(400, {"status": 400, "status_description": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domains", {**DONE, "data": {"domains": each("zones", {"id": 1, "domain": "{zone}"})}}),
        get_document("/domains/{zone}/dns", {**DONE, "data": {"domain": "{zone}", "records": RECORDS}}),
        put_document("/domains/{zone}/dns", DONE, status=200, json={"records": RECORDS}),
    ])
