"""Hetzner DNS Console. dns.hetzner.com/api-docs; recorded replies in lego and dns-lexicon."""

from vendor import *  # noqa: F403

RECORD = {"type": "{type}", "id": "{id}", "created": "2020-05-08T10:49:18Z", "zone_id": "{zone_id}",
          "name": "{name@}", "value": "{value}", "ttl": "{ttl#int}"}
META = {"meta": {"pagination": {"page": "{page#int}", "per_page": "{size#int}",
                                "last_page": "{pages#int}", "total_entries": "{total#int}"}}}

FACTS = Vendor(
    "https://dns.hetzner.com", code="hetzner",
    auth=Auth(headers={"Auth-API-Token": "{HETZNER_API_KEY}"}),
    ids=hexes, ttl=(60, 2147483647),
    error=Error(422, {"error": {"message": "{text}", "code": "{status#int}"}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/api/v1/zones", {"zones": each("zones", {"id": "{zone_id}", "name": "{zone}"}),
                                     **META},
                   query={"name?": "{zone}"}, paging=pages(size="per_page", usual=100), absent=True),
        list_records("/api/v1/records", {"records": each("records", RECORD), **META},
                     query={"zone_id": "{zone_id}"}, paging=pages(size="per_page", usual=100000,
                                                                  largest=100000, told=False)),
        create("/api/v1/records", {"record": RECORD},
               json={"name": "{name@}", "type": "TXT", "value": "{value}", "ttl": "{ttl#int}",
                     "zone_id": "{zone_id}"}),
        delete("/api/v1/records/{id}", status=200),
    ])
