"""Spaceship. docs.spaceship.dev, lego: PUT adds, DELETE removes by value, pages by take and skip."""

from vendor import *  # noqa: F403

PATH = "/dns/records/{zone}"
RECORD = {"type": "{type}", "name": "{name@}", "value": "{value}", "ttl": "{ttl#int}",
          "group": {"type": "custom"}}

FACTS = Vendor(
    "https://spaceship.dev/api/v1",
    auth=headers(X_Api_Key="{SPACESHIP_API_KEY}", X_Api_Secret="{SPACESHIP_API_SECRET}"),
    zone_ids=None, duplicates="same",
    error=Error(422, {"detail": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records(PATH, {"items": each("records", RECORD), "total": "{total#int}"},
                     paging=offsets("skip", "take", usual=500, largest=500, told=False)),
        add_value(PATH, method="PUT", status=204,
                  json={"force": False, "items": each("records", {
                      "type": "TXT", "name": "{name@}", "value": "{value}", "ttl": "{ttl#int}"}, least=1)}),
        remove_value(PATH, status=204, json=each("records", {
            "type": "TXT", "name": "{name@}", "value": "{value}"}, least=1)),
    ])
