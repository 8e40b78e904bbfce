"""Vultr. vultr.com/api: data in quotes, cursors at /meta/links/next (empty at the end)."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "{type}", "name": "{name}", "data": "{qvalue}", "priority": 0,
          "ttl": "{ttl#int}"}
DOMAIN = {"domain": "{zone}", "date_created": "2020-10-07T19:43:46+00:00", "dns_sec": "disabled"}
META = {"meta": {"total": "{total#int}", "links": {"next": "{cursor}", "prev": ""}}}

FACTS = Vendor(
    "https://api.vultr.com/v2",
    auth=bearer("VULTR_API_KEY"),
    ids=uuid, zone_ids=None, limit=(30, 1),
    error=Error(400, {"error": "{text}", "status": "{status#int}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domains", {"domains": each("zones", DOMAIN), **META},
                   paging=cursors(size="per_page", usual=100, largest=500)),
        get_zone("/domains/{zone}", {"domain": DOMAIN}),
        list_records("/domains/{zone}/records", {"records": each("records", RECORD), **META},
                     paging=cursors(size="per_page", usual=100, largest=500)),
        get_record("/domains/{zone}/records/{id}", {"record": RECORD}),
        create(None, {"record": RECORD}, status=201),
        delete(None),
    ])
