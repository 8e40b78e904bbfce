"""HostUp. developer.hostup.se, lego and its recorded replies: cursors, listed names are whole."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "{type}", "name": "{fqdn}", "value": "{value}", "ttl": "{ttl#int}",
          "priority": None, "status": "pending"}
MORE = {"hasMore": "{more#bool}", "nextCursor": "{next#json}"}

FACTS = Vendor(
    "https://cloud.hostup.se/api/v2",
    auth=bearer("HOSTUP_API_KEY"), ids=lambda number: f"drr_{number}",
    zone_ids=lambda number: f"zone_{number}",
    error=Error(400, {"type": "https://developer.hostup.se/errors/x", "title": "Invalid request",
                      "status": "{status#int}", "detail": "{text}", "code": "{code}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/dns-zones", {"data": each("zones", {"id": "{zone_id}", "name": "{zone}"}), **MORE},
                   query={"name?": "{zone}"}, paging=cursors(size="limit")),
        list_records("/dns-zones/{zone_id}/records", {"data": each("records", RECORD), **MORE},
                     paging=cursors(size="limit")),
        create(None, RECORD, status=201,
               json={"type": "TXT", "name": either("{name@}", "{name}"), "value": "{value}",
                     "ttl": "{ttl#int}"}),
        delete(None),
    ])
