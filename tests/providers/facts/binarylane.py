"""BinaryLane. api.binarylane.com.au/reference: @ at the apex, links to further pages."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "type": "{type}", "name": "{name@}", "data": "{value}", "ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://api.binarylane.com.au/v2",
    auth=bearer("BINARYLANE_API_TOKEN"), zone_ids=None,
    error=Error(400, {"type": "type", "title": "title", "status": "{status#int}", "detail": "{text}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        get_zone("/domains/{zone}", {"domain": {"name": "{zone}", "ttl": 3600}}),
        list_records("/domains/{zone}/records", {"domain_records": each("records", RECORD),
                                                 "links": {"pages": {"next": "{link#json}"}},
                                                 "meta": {"total": "{total#int}"}},
                     query={"type?": "{type}", "name?": "{name@}"},
                     paging=links(size="per_page", usual=20, largest=200)),
        create("/domains/{zone}/records", {"domain_record": RECORD},
               json={"type": "TXT", "name": "{name@}", "data": "{value}", "ttl": "{ttl#int}"}),
        delete("/domains/{zone}/records/{id}"),
    ])
