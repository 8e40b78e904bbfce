"""Katapult. krystal/go-katapult (next, made of the vendor's OpenAPI description), lego."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "name": "{name}", "full_name": "{fqdn}", "ttl": "{ttl#int}", "type": "{type}",
          "priority": None, "content": "{value}", "content_attributes": {}}
PATH = "/dns_zones/dns_zone/records"

FACTS = Vendor(
    "https://api.katapult.io/core/v1",
    auth=bearer("KATAPULT_API_KEY"),
    ids=hexes, zone_ids=None,
    error=Error(422, {"code": "{code}", "description": "{text}", "detail": {}}),
    errors={"absent": 404, "unauthorised": 403},
    routes=[
        list_records(PATH, {"dns_records": each("records", RECORD)}, query={"dns_zone[name]": "{zone}"}),
        create(PATH, {"dns_record": RECORD}, status=200,
               json={"dns_zone": {"name": "{zone}"},
                     "properties": {"name": "{name}", "type": "TXT", "ttl": "{ttl#int}",
                                    "content": {"TXT": {"content": "{value}"}}}}),
        delete("/dns_records/dns_record", {"dns_record": RECORD}, status=200,
               json={"dns_record": {"id": "{id}"}}),
    ])
