"""DreamHost. help.dreamhost.com API overview: commands in the query, the result in the body."""

from vendor import *  # noqa: F403

RECORD = {"account_id": "1", "zone": "{zone}", "record": "{fqdn}", "type": "{type}", "value": "{value}",
          "comment": "{note}", "editable": "1"}
CHANGE = {"record": "{fqdn}", "type": "TXT", "value": "{value}", "format": "json"}


def failed(text):
    return Error(200, {"result": "error", "data": text})


FACTS = Vendor(
    "https://api.dreamhost.com",
    auth=in_query(key="{DREAMHOST_API_KEY}"), zone_ids=None, duplicates="refuse",
    error=failed("{text}"),
    errors={"unauthorised": failed("invalid_api_key"), "absent": failed("no_such_record"),
            "duplicate": failed("record_already_exists_remove_first")},
    routes=[
        list_records("/", {"result": "success", "data": each("records", RECORD)},
                     query={"cmd": "dns-list_records", "format": "json"}),
        add_value("/", {"result": "success", "data": "record_added"}, method="GET",
                  query={"cmd": "dns-add_record", "comment?": "{note}", **CHANGE}),
        remove_value("/", {"result": "success", "data": "record_removed"}, method="GET",
                     query={"cmd": "dns-remove_record", **CHANGE}),
    ])
