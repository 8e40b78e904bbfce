"""ArvanCloud. arvancloud.ir/docs/api/cdn/4.0; lexicon's recorded replies: pages, duplicates, @ at the apex."""

from vendor import *  # noqa: F403

MODE = {"count": "single", "order": "none", "geo_filter": "none"}


def listed(server, call):
    call.found["type"] = "txt"
    return server.do_list_records(call)


RECORD = {"id": "{id}", "type": "{ltype}", "name": "{name@}", "value": {"text": "{value}"},
          "ttl": "{ttl#int}", "cloud": False, "upstream_https": "default", "ip_filter_mode": MODE}

FACTS = Vendor(
    "https://napi.arvancloud.ir/cdn/4.0",
    auth=headers(Authorization="{ARVANCLOUD_API_KEY}"), ids=uuid, zone_ids=None, duplicates="refuse",
    ttl=(120, 86400),
    error=Error(422, {"status": False, "message": "{text}"}),
    errors={"unauthorised": 401, "absent": 404,
            "duplicate": Error(422, {"status": False, "message": "The provided data is invalid.",
                                     "errors": {"name": ["DNS Record Data is duplicate."]}})},
    routes=[
        get_zone("/domains/{zone}", {"data": {"id": "1", "domain": "{zone}", "name": "{zone}"}}),
        route(listed, "GET", "/domains/{zone}/dns-records",
              {"data": each("records", RECORD),
               "meta": {"current_page": "{page#int}", "last_page": "{pages#int}",
                        "per_page": "{size#int}", "total": "{total#int}"}},
              query={"type?": "{type}", "search?": "{search}"},
              paging=pages(size="per_page", usual=300, largest=300)),
        create("/domains/{zone}/dns-records", {"data": RECORD}, status=201,
               json={"type": "txt", "name": "{name@}", "value": {"text": "{value}"}, "ttl": "{ttl#int}",
                     "upstream_https?": "default", "ip_filter_mode?": MODE}),
        delete("/domains/{zone}/dns-records/{id}", {"message": "DNS record deleted."}),
    ])
