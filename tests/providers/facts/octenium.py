"""Octenium. octenium.com/api (reseller), lego's fixtures: errors in the body, records by line."""

from vendor import *  # noqa: F403

RECORD = {"line": "{id#int}", "type": "{type}", "name": "{fqdn.}", "ttl": "{ttl#int}", "value": "{value}",
          "raw": {"txtdata": "{value}"}}


def said(response):
    return {"api-status": "success", "api-response": response}


FACTS = Vendor(
    "https://api.panel.octenium.com",
    auth=Auth(headers={"X-Api-Key": "{OCTENIUM_API_KEY}"}),
    zone_ids=texts,
    error=Error(200, {"api-status": "error", "api-error": "{text}"}),
    errors={"unauthorised": 401},
    skip={"vanished": "what it says of a line that is gone is not known"},
    routes=[
        list_zones("/domains", said({"domains": keyed("zones", "{zone_id}", {
            "domain-name": "{zone}", "status": "active"})}), query={"domain-name?": "{zone}"}),
        list_records("/domains/dns-records/list", said({"records": each("records", RECORD)}), method="POST",
                     form={"order-id": "{zone_id}", "types[]?": "{type}"}),
        create("/domains/dns-records/add", said({"record": RECORD}), status=200,
               form={"order-id": "{zone_id}", "type": "TXT", "name": "{fqdn.}", "ttl": "{ttl}",
                     "value": "{value}"}),
        delete("/domains/dns-records/delete", said({"deleted": {"count": 1}}), method="POST", status=200,
               form={"order-id": "{zone_id}", "line": "{id}"}),
    ])
