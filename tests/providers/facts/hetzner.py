"""Hetzner Cloud. The vendor's OpenAPI description: RRset actions, whose end is asked for."""

from vendor import *  # noqa: F403

ACTION = {"action": {"id": "{job#int}", "command": "x", "status": "running", "progress": 50,
                     "error": None}}
ZONE = {"id": "{zone_id#int}", "name": "{zone}", "status": "ok", "ttl": 3600}
PATH = "/zones/{zone}/rrsets/{name@}/TXT"

FACTS = Vendor(
    "https://api.hetzner.cloud/v1",
    auth=bearer("HETZNER_API_TOKEN"),
    zone_ids=integers, ttl=(60, 2147483647), duplicates="refuse", limit=(3600, 3600), polls=2, one_ttl=True,
    skip={"raced": "what it says of a value that stands is not known"},
    error=Error(422, {"error": {"code": "{code}", "message": "{text}", "details": {}}}),
    errors={"absent": 404, "unauthorised": 401, "duplicate": 422},
    routes=[
        list_zones("/zones", {"zones": each("zones", ZONE),
                              "meta": {"pagination": {"page": "{page#int}", "next_page": "{next#json}",
                                                      "last_page": "{pages#int}"}}},
                   query={"name?": "{zone}"}, paging=pages(size="per_page", usual=25, largest=50)),
        get_zone("/zones/{zone}", {"zone": ZONE}),
        get_rrset(PATH, {"rrset": {"id": "{name@}/TXT", "name": "{name@}", "type": "TXT", "ttl": "{ttl#int}",
                                   "records": each("records", {"value": "{qvalue}", "comment": ""})}}),
        add_value(PATH + "/actions/add_records", ACTION, status=201, job=True,
                  json={"ttl?": "{ttl#int}", "records": each("records", {"value": "{qvalue}"}, least=1)}),
        remove_value(PATH + "/actions/remove_records", ACTION, status=201, job=True, method="POST",
                     json={"records": each("records", {"value": "{qvalue}"}, least=1)}),
        poll("/actions/{job}", {"action": {"id": "{job}", "status": "{state}", "progress": 50,
                                           "error": None}}),
    ])
