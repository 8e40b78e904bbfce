"""Civo. civo.com/api/dns: types are lower case when read."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "domain_id": "{zone_id}", "account_id": None, "name": "{name}", "value": "{value}",
          "type": "{ltype}", "ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://api.civo.com/v2",
    auth=bearer("CIVO_TOKEN"), ids=uuid, zone_ids=uuid, ttl=(600, 2147483647),
    error=Error(400, {"code": "{code}", "reason": "{text}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_zones("/dns", each("zones", {"id": "{zone_id}", "account_id": "1", "name": "{zone}"})),
        list_records("/dns/{zone_id}/records", each("records", RECORD)),
        create("/dns/{zone_id}/records", RECORD,
               json={"type": "TXT", "name": "{name}", "value": "{value}", "ttl": "{ttl#int}"}),
        delete("/dns/{zone_id}/records/{id}", {"result": "success"}),
    ])
