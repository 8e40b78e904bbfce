"""Rain Yun. apifox.com/apidoc/shared-a4595cc8 (the vendor's), lego's fixtures: filters are JSON in the query."""

from vendor import *  # noqa: F403

RECORD = {"record_id": "{id#int}", "host": "{name@}", "type": "{type}", "ttl": "{ttl#int}", "value": "{value}",
          "line": "DEFAULT", "level": 10}
PATH = "/domain/{zone_id}/dns"

FACTS = Vendor(
    "https://api.v2.rainyun.com/product",
    auth=Auth(headers={"x-api-key": "{RAINYUN_API_KEY}"}),
    zone_ids=integers,
    error=Error(400, {"code": 10000, "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domain", {"code": 200, "data": {"TotalRecords": "{total#int}", "Records": each(
            "zones", {"id": "{zone_id#int}", "domain": "{zone}"})}}, query={"options": "{options}"}),
        list_records(PATH, {"code": 200, "data": {"TotalRecords": "{total#int}",
                                                  "Records": each("records", RECORD)}},
                     paging=pages("page_no", "limit", usual=20, largest=100, told=False)),
        create(PATH, {"code": 200, "data": "ok"}, status=200,
               json={"host": "{name@}", "level": 10, "line": "DEFAULT", "ttl": "{ttl#int}", "type": "TXT",
                     "value": "{value}"}),
        delete(PATH, {"code": 200, "data": "ok"}, status=200, query={"record_id": "{id}"}),
    ])
