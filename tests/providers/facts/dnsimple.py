"""DNSimple. developer.dnsimple.com/v2 and the vendor's OpenAPI description."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "zone_id": "{zone}", "parent_id": None, "name": "{name}",
          "content": "{value}", "ttl": "{ttl#int}", "priority": None, "type": "{type}",
          "regions": ["global"], "system_record": False}
ZONE = {"id": "{zone_id#int}", "account_id": 1385, "name": "{zone}", "reverse": False}
PAGES = {"pagination": {"current_page": "{page#int}", "per_page": "{size#int}",
                        "total_entries": "{total#int}", "total_pages": "{pages#int}"}}

FACTS = Vendor(
    "https://api.dnsimple.com/v2",
    auth=bearer("DNSIMPLE_OAUTH_TOKEN"),
    zone_ids=integers, limit=(2400, 3600),
    error=Error(400, {"message": "{text}"}),
    routes=[
        constant("/whoami", {"data": {"user": None, "account": {"id": 1385, "email": "a@example.org"}}}),
        get_zone("/1385/zones/{zone}", {"data": ZONE}),
        list_zones("/1385/zones", {"data": each("zones", ZONE), **PAGES},
                   query={"name_like?": "{part}"}, paging=pages(size="per_page", usual=30)),
        list_records("/1385/zones/{zone}/records", {"data": each("records", RECORD), **PAGES},
                     query={"name?": "{name}", "type?": "{type}"},
                     paging=pages(size="per_page", usual=30)),
        create("/1385/zones/{zone}/records", {"data": RECORD}, status=201,
               json={"type": "TXT", "name": "{name}", "content": "{value}", "ttl?": "{ttl#int}"}),
        delete("/1385/zones/{zone}/records/{id}"),
    ])
