"""Infoblox. WAPI; lexicon's recorded replies: references instead of ids, which hold slashes; a DNS view."""

from vendor import *  # noqa: F403

RECORD = {"_ref": "record:txt/{id}:{fqdn}/External", "name": "{fqdn}", "text": "{value}"}
BASE = "https://grid.example:443/wapi/v2.11"


def listed(server, call):
    call.found["type"] = "TXT"
    return server.do_list_records(call)


FACTS = Vendor(
    BASE, settings={"host": "grid.example"},
    auth=basic("{INFOBLOX_USERNAME}", "{INFOBLOX_PASSWORD}"), ids=hexes,
    error=Error(400, {"Error": "AdmConProtoError", "code": "Client.Ibap.Proto", "text": "{text}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        route(listed, "GET", "/record:txt", each("records", RECORD), any_owner=True,
              query={"name": "{fqdn}", "view": "External", "_return_fields?": "{fields}"}),
        create("/record:txt", "record:txt/{id}:{fqdn}/External", status=201,
               json={"name": "{fqdn}", "text": "{value}", "ttl": "{ttl#int}", "use_ttl": True,
                     "view": "External"}),
        delete("/record:txt/{id}:{fqdn}/External", {}, status=200),
    ])
