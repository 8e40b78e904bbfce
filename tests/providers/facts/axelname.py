"""Axelname. axelname.ru, REST lite: everything is GET, the result in the body."""

from vendor import *  # noqa: F403

GOOD = {"code": "OK", "message": "done", "result": "success"}
RECORD = {"id": "{id}", "name": "{name}", "type": "{type}", "value": "{value}"}
WRONG = {"error_code": "1", "error_text": "{text}", "result": "error"}

FACTS = Vendor(
    "https://my.axelname.ru/rest",
    auth=in_query(nichdl="{AXELNAME_NICKNAME}", token="{AXELNAME_TOKEN}"), zone_ids=None,
    error=Error(200, WRONG), errors={"unauthorised": Error(401, WRONG)},
    skip={"vanished": "what it says of a record that is not there is not known"},
    routes=[
        list_records("/dns_list", {**GOOD, "count": "{total#int}", "list": each("records", RECORD)},
                     query={"domain": "{zone}"}),
        create("/dns_add", GOOD, method="GET",
               query={"domain": "{zone}", "name": "{name}", "type": "TXT", "value": "{value}"}),
        delete("/dns_delete", GOOD, method="GET",
               query={"domain": "{zone}", "id": "{id}", "name?": "{name}", "type?": "TXT",
                      "value?": "{value}"}),
    ])
