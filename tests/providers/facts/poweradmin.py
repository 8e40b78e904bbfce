"""Poweradmin. docs.poweradmin.org/developer-guide/api (v2), lego's fixtures, acme.sh."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "zone_id": "{zone_id#int}", "name": "{fqdn}", "type": "{type}",
          "content": "{qvalue}", "ttl": "{ttl#int}", "priority": 0, "disabled": False}
PAGES = {"pagination": {"current_page": "{page#int}", "per_page": "{size#int}", "total": "{total#int}",
                        "last_page": "{pages#int}"}}
PATH = "/api/v2/zones/{zone_id}/records"

FACTS = Vendor(
    "https://poweradmin.example",
    auth=Auth(headers={"X-API-Key": "{POWERADMIN_API_KEY}"}),
    settings={"base-url": "https://poweradmin.example"},
    zone_ids=integers,
    error=Error(400, {"success": False, "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/api/v2/zones", {"success": True, **PAGES, "data": {"zones": each("zones", {
            "id": "{zone_id#int}", "name": "{zone}", "type": "MASTER"})}},
                   paging=pages(size="per_page", usual=100, largest=100)),
        list_records(PATH, {"success": True, "data": each("records", RECORD), "message": "x"}),
        create(PATH, {"success": True, "data": {"record": RECORD}}, status=201,
               json={"name": "{fqdn}", "type": "TXT", "content": "{value}", "ttl": "{ttl#int}"}),
        delete(PATH + "/{id}"),
    ])
