"""Njalla. njal.la/api, lego, dns-lexicon: JSON-RPC, errors in the body."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "name": "{name@}", "type": "{type}", "content": "{value}", "ttl": "{ttl#int}"}


def said(result):
    return {"jsonrpc": "2.0", "id": None, "result": result}


def asked(method, **params):
    return {"method": method, "params": {"domain": "{zone}", **params}}


FACTS = Vendor(
    "https://njal.la/api/1",
    auth=bearer("NJALLA_TOKEN", "Njalla"),
    ids=texts, zone_ids=None,
    error=Error(200, {"jsonrpc": "2.0", "error": {"code": 400, "message": "{text}"}}),
    errors={"unauthorised": Error(200, {"jsonrpc": "2.0", "error": {"code": 403, "message": "{text}"}}),
            "absent": Error(200, {"jsonrpc": "2.0", "error": {"code": 404, "message": "{text}"}})},
    routes=[
        list_records("/", said({"records": each("records", RECORD)}), method="POST",
                     json=asked("list-records")),
        create("/", said(RECORD), status=200,
               json=asked("add-record", name="{name@}", type="TXT", content="{value}", ttl="{ttl#int}")),
        delete("/", said({}), method="POST", status=200, json=asked("remove-record", id="{id}")),
    ])
