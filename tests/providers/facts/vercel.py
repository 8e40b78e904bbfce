"""Vercel. vercel.com/docs/rest-api (DNS), acme.sh: names are relative, pages by time."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "slug": "x", "name": "{name}", "type": "{type}", "value": "{value}",
          "ttl": "{ttl#int}", "creator": "x", "created": 1, "updated": 1}

FACTS = Vendor(
    "https://api.vercel.com",
    auth=bearer("VERCEL_API_TOKEN"),
    ids=texts, zone_ids=None, ttl=(60, 2147483647),
    error=Error(400, {"error": {"code": "{code}", "message": "{text}"}}),
    errors={"absent": 404, "unauthorised": 403},
    routes=[
        list_records("/v4/domains/{zone}/records",
                     {"records": each("records", RECORD),
                      "pagination": {"count": 20, "next": "{next#json}", "prev": None}},
                     paging=cursors("until", "limit", usual=20, largest=100)),
        create("/v2/domains/{zone}/records", {"uid": "{id}", "updated": 1}, status=200,
               json={"name": "{name}", "type": "TXT", "value": "{value}", "ttl": "{ttl#int}"}),
        delete("/v2/domains/{zone}/records/{id}", {}, status=200),
    ])
