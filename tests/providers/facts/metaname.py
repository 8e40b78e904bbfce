"""Metaname. metaname.net/api/1.1/doc, nzdjb/go-metaname: JSON-RPC, credentials are parameters."""

from vendor import *  # noqa: F403

RECORD = {"reference": "{id}", "name": "{name@}", "type": "{type}", "aux": None, "ttl": "{ttl#int}",
          "data": "{value}"}
PATH = "/1.1"


def said(result):
    return {"jsonrpc": "2.0", "id": "1", "result": result}


def asked(method, *params):
    return {"jsonrpc": "2.0", "id": "1", "method": method,
            "params": ["{METANAME_ACCOUNT_REFERENCE}", "{METANAME_API_KEY}", "{zone}", *params]}


def checked(operation):
    def run(server, call):
        for name, value in server.credentials.items():
            if call.found.get(name) != value:
                from server import Refusal
                raise Refusal("unauthorised", "Authorisation failed", fault=True)
        return getattr(server, operation)(call)
    return run


FACTS = Vendor(
    "https://metaname.net/api",
    auth=Auth(also=("METANAME_ACCOUNT_REFERENCE", "METANAME_API_KEY")),
    ids=hexes, zone_ids=None,
    error=Error(200, {"jsonrpc": "2.0", "id": "1", "error": {"code": -12, "message": "{text}"}}),
    errors={"unauthorised": Error(200, {"jsonrpc": "2.0", "id": "1",
                                        "error": {"code": -2, "message": "{text}"}}),
            "absent": Error(200, {"jsonrpc": "2.0", "id": "1", "error": {"code": -16, "message": "{text}"}})},
    skip={"vanished": "which code it uses for a reference that is gone is not known",
          "credentials": "which code it uses for wrong credentials is not known"},
    routes=[
        route(checked("do_list_records"), "POST", PATH, said(each("records", RECORD)), json=asked("dns_zone")),
        route(checked("do_create"), "POST", PATH, said("{id}"),
              json=asked("create_dns_record", {"name": "{name@}", "type": "TXT", "aux": None,
                                               "ttl": "{ttl#int}", "data": "{value}"})),
        route(checked("do_delete"), "POST", PATH, said(None), json=asked("delete_dns_record", "{id}")),
    ])
