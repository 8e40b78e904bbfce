"""DNScale. lego and its recorded replies: pages by offset, listed names with a final dot."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "name": "{fqdn.}", "type": "{type}", "content": "{value}", "ttl": "{ttl#int}",
          "disabled": False}
PAGE = {"total": "{total#int}", "limit": "{size#int}", "offset": "{offset#int}"}

FACTS = Vendor(
    "https://api.dnscale.eu",
    auth=bearer("DNSCALE_API_TOKEN"),
    ids=hexes,
    error=Error(400, {"status": "error", "error": {"code": "{code}", "message": "{text}"}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/v1/zones", {"status": "success", "data": {"items": each("zones", {
            "id": "{zone_id}", "name": "{zone}", "type": "primary", "status": "active"}), **PAGE}},
                   paging=offsets(told=False, usual=20, largest=100)),
        list_records("/v1/zones/{zone_id}/records", {"status": "success", "data": {
            "records": each("records", RECORD), **PAGE}},
                     paging=offsets(told=False, usual=20, largest=100)),
        create(None, {"status": "success", "data": {"message": "...", "record": RECORD}}, status=201),
        delete(None),
    ])
