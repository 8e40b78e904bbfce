"""Scaleway. scaleway-sdk-go (domain v2beta1), lego: changes by value, data in quotes."""

from vendor import *  # noqa: F403

PATH = "/domain/v2beta1/dns-zones/{zone}/records"
RECORD = {"id": "{id}", "name": "{name}", "type": "{type}", "data": "{qvalue}", "ttl": "{ttl#int}",
          "priority": 0, "comment": None}
FLAGS = {"return_all_records?": False, "disallow_new_zone_creation?": True}

FACTS = Vendor(
    "https://api.scaleway.com",
    auth=Auth(headers={"X-Auth-Token": "{SCW_SECRET_KEY}"}),
    ids=uuid, zone_ids=None, ttl=(60, 2147483647),
    error=Error(400, {"message": "{text}", "type": "invalid_arguments"}),
    errors={"absent": 404, "unauthorised": 403},
    routes=[
        list_records(PATH, {"total_count": "{total#int}", "records": each("records", RECORD)},
                     query={"name?": "{name}", "type?": "{type}"},
                     paging=pages(size="page_size", usual=20, largest=100)),
        add_value(PATH, {"records": []}, method="PATCH", status=200,
                  json={"changes": [{"add": {"records": each("records", {
                      "data": "{qvalue}", "name": "{name}", "ttl": "{ttl#int}", "type": "TXT"}, least=1)}}],
                        **FLAGS}),
        remove_value(PATH, {"records": []}, method="PATCH", status=200,
                     json={"changes": [{"delete": {"id_fields": {
                         "name": "{name}", "type": "TXT", "data": "{qvalue}"}}}], **FLAGS}),
    ])
