"""Neodigit and Virtualname. developers.neodigit.net, lego's fixtures: one API at two places."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "name": "{name}", "type": "{type}", "content": "{value}", "ttl": "{ttl#int}",
          "prio": None}


def family(base, token):
    return Vendor(
        base,
        auth=Auth(headers={"X-TCpanel-Token": "{%s}" % token}),
        zone_ids=integers,
        error=Error(422, {"error": "{text}"}),
        errors={"absent": 404, "unauthorised": 401},
        routes=[
            list_zones("/dns/zones", each("zones", {"id": "{zone_id#int}", "name": "{zone}",
                                                    "human_name": "{zone}"})),
            list_records("/dns/zones/{zone_id}/records", each("records", RECORD), query={"type?": "{type}"}),
            create("/dns/zones/{zone_id}/records", RECORD, status=201,
                   json={"record": {"name": "{name}", "type": "TXT", "content": "{value}",
                                    "ttl": "{ttl#int}"}}),
            delete("/dns/zones/{zone_id}/records/{id}"),
        ])


FACTS = family("https://api.neodigit.net/v1", "NEODIGIT_TOKEN")
