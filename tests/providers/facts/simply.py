"""Simply.com. simply.com/docs/api, lego's fixtures: @ is the apex in lists."""

from vendor import *  # noqa: F403

RECORD = {"record_id": "{id#int}", "name": "{name@}", "ttl": "{ttl#int}", "data": "{value}",
          "type": "{type}", "priority": 0}
DONE = {"status": 200, "message": "success"}
PATH = "/my/products/{zone}/dns/records/"

FACTS = Vendor(
    "https://api.simply.com/2",
    auth=basic("{SIMPLY_ACCOUNT_NAME}", "{SIMPLY_API_KEY}"),
    zone_ids=None,
    error=Error(400, {"status": "{status#int}", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records(PATH, {**DONE, "records": each("records", RECORD)}),
        create(PATH, {**DONE, "record": {"id": "{id#int}"}}, status=200,
               json={"name": "{name@}", "data": "{value}", "type": "TXT", "ttl": "{ttl#int}"}),
        delete(PATH + "{id}/", DONE, status=200),
    ])
