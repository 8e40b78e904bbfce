"""Liara. openapi.liara.ir (DNS), lego and its fixtures."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "name": "{name}", "type": "{type}", "ttl": "{ttl#int}",
          "contents": [{"text": "{value}"}]}
PATH = "/api/v1/zones/{zone}/dns-records"

FACTS = Vendor(
    "https://dns-service.iran.liara.ir",
    auth=bearer("LIARA_API_KEY"),
    ids=hexes, zone_ids=None, ttl=(120, 432000),
    error=Error(400, {"statusCode": 400, "error": "{code}", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records(PATH, {"status": "success", "data": each("records", RECORD)}),
        create(PATH, {"status": "success", "data": RECORD}, status=201,
               json={"name": "{name}", "type": "TXT", "ttl": "{ttl#int}",
                     "contents": [{"text": "{value}"}]}),
        delete(PATH + "/{id}"),
    ])
