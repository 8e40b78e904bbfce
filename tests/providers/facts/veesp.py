"""Veesp. secure.veesp.com/userapi, lego's fixtures: zones belong to services."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "name": "{name}", "ttl": "{ttl#int}", "priority": 0, "content": "{value}",
          "type": "{type}"}
PATH = "/service/{service}/dns/{zone_id}"

FACTS = Vendor(
    "https://secure.veesp.com/api",
    auth=basic("{VEESP_USERNAME}", "{VEESP_PASSWORD}"),
    ids=texts, zone_ids=texts, zone_more=lambda zone: {"service": "20"},
    error=Error(400, {"error": ["{text}"]}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/dns", {"service_ids": ["20"], "zones": each("zones", {
            "domain_id": "{zone_id}", "name": "{zone}", "service_id": "{service}"})}),
        list_records(PATH, {"service_id": 20, "name": "{zone}", "records": each("records", RECORD)}),
        create(PATH + "/records", {"success": True}, status=200,
               json={"name": "{name}", "ttl": "{ttl#int}", "type": "TXT", "content": "{value}"}),
        delete(PATH + "/records/{id}", {"success": True}, status=200),
    ])
