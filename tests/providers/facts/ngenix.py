"""NGENIX. docs.ngenix.net (API v3, dns-zone), lego's fixtures: a change holds all records."""

from vendor import *  # noqa: F403

RECORDS = each("records", {"name": "{name@}", "type": "{type}", "data": "{value}"})
ZONE = {"id": "{zone_id#int}", "name": "{zone}", "modelName": "DnsZone", "comment": "x",
        "dnssec": {"enabled": False}, "records": RECORDS}

FACTS = Vendor(
    "https://api.ngenix.net/api/v3",
    auth=Auth(basic=("{NGENIX_USERNAME}/token", "{NGENIX_TOKEN}")),
    settings={"customer-id": "4321"},
    zone_ids=integers,
    error=Error(400, {"code": 400, "detail": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/dns-zone", {"modelName": "DnsZoneCollection",
                                 "elements": each("zones", {"id": "{zone_id#int}", "name": "{zone}"})},
                   query={"customerId": "4321"}),
        get_document("/dns-zone/{zone_id}", ZONE),
        put_document("/dns-zone/{zone_id}", ZONE, method="PATCH", status=200, json={"records": RECORDS}),
    ])
