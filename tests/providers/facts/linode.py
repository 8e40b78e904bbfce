"""Linode. techdocs.akamai.com/linode-api: X-Filter, pages of 25 to 500, TTLs of a list."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "type": "{type}", "name": "{name}", "target": "{value}",
          "ttl_sec": "{ttl#int}", "priority": 0, "weight": 0, "port": 0, "tag": None}
PAGES = {"page": "{page#int}", "pages": "{pages#int}", "results": "{total#int}"}

FACTS = Vendor(
    "https://api.linode.com/v4",
    auth=bearer("LINODE_TOKEN"),
    zone_ids=integers,
    ttls=(0, 30, 120, 300, 3600, 7200, 14400, 28800, 57600, 86400, 172800, 345600, 604800, 1209600,
          2419200), ttl=(0, 2419200),
    error=Error(400, {"errors": [{"reason": "{text}", "field": "x"}]}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domains", {"data": each("zones", {"id": "{zone_id#int}", "domain": "{zone}",
                                                       "type": "master"}), **PAGES},
                   headers={"X-Filter?": {"domain": "{zone}"}}, paging=pages(size="page_size", largest=500)),
        list_records("/domains/{zone_id}/records", {"data": each("records", RECORD), **PAGES},
                     paging=pages(size="page_size", largest=500)),
        get_record("/domains/{zone_id}/records/{id}", RECORD),
        create("/domains/{zone_id}/records", RECORD,
               json={"type": "TXT", "name": either("{name}", "{fqdn}"), "target": "{value}",
                     "ttl_sec": "{ttl#int}"}),
        delete("/domains/{zone_id}/records/{id}", {}, status=200),
    ])
