"""Hosttech. api.ns1.hosttech.eu/api/documentation: zones by name, TXT data is `text`."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "type": "{type}", "name": "{name}", "text": "{value}", "ttl": "{ttl#int}",
          "comment": ""}

FACTS = Vendor(
    "https://api.ns1.hosttech.eu/api",
    auth=bearer("HOSTTECH_API_KEY"), zone_ids=integers,
    error=Error(422, {"message": "{text}"}), errors={"unauthorised": 401, "absent": 404},
    routes=[
        get_zone("/user/v1/zones/{zone}", {"data": {"id": "{zone_id#int}", "name": "{zone}"}}),
        list_records("/user/v1/zones/{zone_id}/records", {"data": each("records", RECORD)},
                     query={"type?": "{type}"}),
        create("/user/v1/zones/{zone_id}/records", {"data": RECORD}, status=201,
               json={"type": "TXT", "name": "{name}", "text": "{value}", "ttl": "{ttl#int}"}),
        delete("/user/v1/zones/{zone_id}/records/{id}"),
    ])
