"""Selectel (API v1) and Vscale. lego, acme.sh: one API at two places."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "name": "{fqdn}", "type": "{type}", "ttl": "{ttl#int}",
          "content": "{value}"}


def family(base, token):
    return Vendor(
        base,
        auth=Auth(headers={"X-Token": "{%s}" % token}),
        zone_ids=integers, ttl=(60, 604800),
        error=Error(400, {"error": "{text}", "code": "{status#int}", "field": "x"}),
        errors={"absent": 404, "unauthorised": 401},
        routes=[
            get_zone("/{zone}", {"id": "{zone_id#int}", "name": "{zone}"}),
            list_records("/{zone_id}/records/", each("records", RECORD)),
            create("/{zone_id}/records/", RECORD, status=200,
                   json={"name": "{fqdn}", "type": "TXT", "ttl": "{ttl#int}", "content": "{value}"}),
            delete("/{zone_id}/records/{id}"),
        ])


FACTS = family("https://api.selectel.ru/domains/v1", "SELECTEL_API_TOKEN")
