"""Nodion. nodion.com/en/docs/dns/api, nrdcg/nodion: types in lower case."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "record_type": "{ltype}", "name": "{name}", "content": "{value}",
          "ttl": "{ttl#int}", "zone_id": "{zone_id}"}

FACTS = Vendor(
    "https://api.nodion.com/v1",
    auth=bearer("NODION_API_TOKEN"),
    ids=uuid, zone_ids=uuid, ttl=(60, 86400),
    error=Error(422, {"status": "{status#int}", "errors": ["{text}"]}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/dns_zones", {"dns_zones": each("zones", {"id": "{zone_id}", "name": "{zone}"})},
                   query={"name?": "{zone}"}),
        list_records("/dns_zones/{zone_id}/records", {"records": each("records", RECORD)},
                     query={"name?": "{name}", "record_type?": "{type}", "content?": "{value}"}),
        create("/dns_zones/{zone_id}/records", {"record": RECORD}, status=201,
               json={"record_type": "txt", "name": "{name}", "content": "{value}", "ttl": "{ttl#int}"}),
        delete("/dns_zones/{zone_id}/records/{id}", {"deleted": True}, status=200),
    ])
