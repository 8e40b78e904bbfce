"""Rage4. rage4.com/rapi, lego, dns-lexicon: a write may fail with 200."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "name": "{fqdn}", "type": "{type}", "content": "{value}", "ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://rage4.com/rapi",
    auth=basic("{RAGE4_USERNAME}", "{RAGE4_PASSWORD}"),
    zone_ids=integers,
    error=Error(400, {"status": 400, "title": "{code}", "detail": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/GetDomains", each("zones", {"id": "{zone_id#int}", "name": "{zone}"})),
        list_records("/GetRecords", each("records", RECORD), query={"id": "{zone_id}", "name?": "{fqdn}"}),
        create("/CreateRecord", {"status": True, "id": "{id#int}", "error": ""}, status=200,
               json={"id": "{zone_id#int}", "name": "{fqdn}", "content": "{value}", "type": "TXT",
                     "ttl": "{ttl#int}", "isActive": True}),
        delete("/DeleteRecord", {"status": True, "id": "{id#int}", "error": ""}, status=200,
               query={"id": "{id}"}),
    ])
