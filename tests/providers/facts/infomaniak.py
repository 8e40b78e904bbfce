"""Infomaniak. developer.infomaniak.com, API 2: `result` in the body, /exists tells whether a zone is there."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "source": "{name}", "source_idn": "{fqdn}", "type": "{type}",
          "ttl": "{ttl#int}", "target": "{value}", "updated_at": 1779826643}


def wrong(code):
    return {"result": "error", "error": {"code": code, "description": "{text}"}}


FACTS = Vendor(
    "https://api.infomaniak.com",
    auth=bearer("INFOMANIAK_ACCESS_TOKEN"), zone_ids=None,
    error=Error(422, wrong("validation_failed")),
    errors={"absent": Error(404, wrong("object_not_found")),
            "unauthorised": Error(401, wrong("not_authorized"))},
    routes=[
        get_zone("/2/zones/{zone}/exists", {"result": "success", "data": True}),
        list_records("/2/zones/{zone}/records", {"result": "success",
                                                 "data": each("records", RECORD)}),
        create("/2/zones/{zone}/records", {"result": "success", "data": RECORD}, status=201,
               json={"source": "{name}", "type": "TXT", "target": "{value}", "ttl": "{ttl#int}"}),
        delete("/2/zones/{zone}/records/{id}", {"result": "success", "data": True}),
    ])
