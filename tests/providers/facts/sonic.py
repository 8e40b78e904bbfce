"""Sonic. public-api.sonic.net/dyndns, lego: one value for each name, result in the body."""

from vendor import *  # noqa: F403

SONIC = {"hostname": "{fqdn}", "ttl": "{ttl#int}", "type": "TXT"}
DONE = {"result": 200, "message": "OK"}

FACTS = Vendor(
    "https://public-api.sonic.net/dyndns",
    auth=in_body(userid="{SONIC_USER_ID}", apikey="{SONIC_API_KEY}"),
    zone_ids=None, slot=1, foreign=False,
    error=Error(200, {"result": 400, "message": "{text}"}),
    skip={"credentials": "which results mean wrong credentials is not known"},
    routes=[
        clear_slot("/host", DONE, method="PUT", json={**SONIC, "value": "_"}),
        set_slot("/host", DONE, method="PUT", json={**SONIC, "value": "{value}"}),
    ])
