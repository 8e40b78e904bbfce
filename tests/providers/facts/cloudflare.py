"""Cloudflare. developers.cloudflare.com/api; recorded replies in dns-lexicon; codes 81057, 81058."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "{type}", "name": "{fqdn}", "content": "{qvalue}", "ttl": "{ttl#int}",
          "proxied": False, "comment": "{note}"}
INFO = {"page": "{page#int}", "per_page": "{size#int}", "total_pages": "{pages#int}",
        "count": "{count#int}", "total_count": "{total#int}"}


def good(result, **more):
    return {"result": result, "success": True, "errors": [], "messages": [], **more}


def bad(code):
    return {"result": None, "success": False, "errors": [{"code": code, "message": "{text}"}],
            "messages": []}


FACTS = Vendor(
    "https://api.cloudflare.com/client/v4",
    auth=[bearer("CF_DNS_API_TOKEN"),
          Auth(headers={"X-Auth-Email": "{CF_API_EMAIL}", "X-Auth-Key": "{CF_API_KEY}"})],
    ids=hexes, ttl=(60, 86400), duplicates="refuse", limit=(1200, 300),
    error=Error(400, bad(1004)),
    errors={"duplicate": Error(400, bad(81058)), "unauthorised": Error(403, bad(9109)),
            "absent": Error(404, bad(81044))},
    routes=[
        list_zones("/zones", good(each("zones", {"id": "{zone_id}", "name": "{zone}"}),
                                  result_info=INFO),
                   query={"name?": "{zone}"}, paging=pages(size="per_page", largest=50)),
        list_records("/zones/{zone_id}/dns_records", good(each("records", RECORD), result_info=INFO),
                     query={"type?": "{type}", "name?": "{fqdn}"},
                     paging=pages(size="per_page", usual=100, largest=5000000)),
        create("/zones/{zone_id}/dns_records", good(RECORD),
               json={"type": "TXT", "name": "{fqdn}", "content": "{anyvalue}", "ttl": "{ttl#int}",
                     "comment?": "{comment}"}),
        delete("/zones/{zone_id}/dns_records/{id}", good({"id": "{id}"})),
    ])
