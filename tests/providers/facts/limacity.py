"""lima-city. lima-city.de/hilfe/lima-city-api, lego's fixtures: names are whole in lists, data in quotes."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "name": "{fqdn}", "type": "{type}", "content": "{qvalue}",
          "ttl": "{ttl#int}", "priority": None}

FACTS = Vendor(
    "https://www.lima-city.de/usercp",
    auth=basic("api", "{LIMACITY_API_KEY}"),
    zone_ids=integers,
    error=Error(422, {"status": "invalid_resource", "errors": {"content": ["{text}"]}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domains.json", {"domains": each("zones", {
            "id": "{zone_id#int}", "mode": "CREATE", "unicode_fqdn": "{zone}", "status": "ok"})}),
        list_records("/domains/{zone_id}/records.json", {"records": each("records", RECORD)}),
        create("/domains/{zone_id}/records.json", {"status": "ok"}, status=200,
               json={"nameserver_record": {"name": "{name}", "content": "{value}", "ttl": "{ttl#int}",
                                           "type": "TXT"}}),
        delete("/domains/{zone_id}/records/{id}", {"status": "ok"}, status=200),
    ])
