"""LuaDNS. luadns.com/api.html, lego, recorded replies in dns-lexicon: names are absolute."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "name": "{fqdn.}", "type": "{type}", "content": "{value}",
          "ttl": "{ttl#int}", "zone_id": "{zone_id#int}", "created_at": "...", "updated_at": "..."}

FACTS = Vendor(
    "https://api.luadns.com",
    auth=basic("{LUADNS_API_USERNAME}", "{LUADNS_API_TOKEN}"),
    zone_ids=integers, ttl=(300, 2147483647),
    error=Error(400, {"status": "error", "request_id": "x", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/v1/zones", each("zones", {"id": "{zone_id#int}", "name": "{zone}", "synced": True})),
        list_records("/v1/zones/{zone_id}/records", each("records", RECORD)),
        create("/v1/zones/{zone_id}/records", RECORD, status=200,
               json={"name": "{fqdn.}", "type": "TXT", "content": "{value}", "ttl": "{ttl#int}"}),
        delete("/v1/zones/{zone_id}/records/{id}", RECORD, status=200),
    ])
