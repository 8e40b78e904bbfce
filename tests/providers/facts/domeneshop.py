"""Domeneshop. api.domeneshop.no/docs: @ at the apex, TTLs are multiples of a minute."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "host": "{name@}", "ttl": "{ttl#int}", "type": "{type}", "data": "{value}"}

FACTS = Vendor(
    "https://api.domeneshop.no/v0",
    auth=basic("{DOMENESHOP_API_TOKEN}", "{DOMENESHOP_API_SECRET}"),
    zone_ids=integers, ttl=(60, 604800),
    error=Error(400, {"code": "{code}", "help": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domains", each("zones", {"id": "{zone_id#int}", "domain": "{zone}",
                                              "status": "active",
                                              "services": {"dns": True, "email": True}})),
        list_records("/domains/{zone_id}/dns", each("records", RECORD),
                     query={"host?": "{name@}", "type?": "{type}"}),
        create("/domains/{zone_id}/dns", {"id": "{id#int}"}, status=201,
               json={"host": "{name@}", "type": "TXT", "data": "{value}", "ttl?": "{ttl#int}"}),
        delete("/domains/{zone_id}/dns/{id}"),
    ])
