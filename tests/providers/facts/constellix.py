"""Constellix. api-docs.constellix.com v1: one record holds all values of a name, in quotes."""

import base64
import hashlib
import hmac

from server import NOW
from vendor import *  # noqa: F403

VALUES = each("records", {"value": "{qvalue}", "disableFlag": False})
RECORD = {"id": "{number#int}", "type": "TXT", "recordType": "txt", "name": "{name}",
          "recordOption": "roundRobin", "ttl": "{ttl#int}", "value": VALUES, "roundRobin": VALUES}
GIVEN = {"name": "{name}", "ttl": "{ttl#int}", "roundRobin": each("records", {"value": "{qvalue}"})}


def signed(server, call, query, members):
    """KEY:base64 of HMAC-SHA1 of the time:milliseconds."""
    key, mac, time = (call.headers.get("x-cns-security-token", "") + "::").split(":")[:3]
    wanted = hmac.new(server.credentials["CONSTELLIX_SECRET_KEY"].encode(), time.encode(),
                      hashlib.sha1).digest()
    if key != server.credentials["CONSTELLIX_API_KEY"] or base64.b64encode(wanted).decode() != mac:
        return "wrong x-cns-security-token"
    return None if time.isdigit() and abs(int(time) / 1000 - NOW) < 300 else "out of time"


def number(server, owner):
    return server.state.setdefault(owner, 7000 + len(server.state))


def listed(server, call):
    call.found["type"] = "TXT"
    found = server.do_list_rrsets(call)
    found["rrsets"] = [{**one, "number": number(server, one["fqdn"])} for one in found["rrsets"]]
    return found


def named(server, call):
    for owner, its in server.state.items():
        if its == int(call.found["number"]):
            call.owner = owner


def changed(server, call):
    named(server, call)
    return {**server.do_put_rrset(call)}


def removed(server, call):
    named(server, call)
    return server.do_delete_rrset(call)


def made(server, call):
    call.route.options["only"] = "absent"
    found = server.do_put_rrset(call)
    return {"rrsets": [{**found, "number": number(server, call.owner)}]}


FACTS = Vendor(
    "https://api.dns.constellix.com/v1",
    auth=Auth(signed=signed, also=("CONSTELLIX_API_KEY", "CONSTELLIX_SECRET_KEY")),
    zone_ids=integers, retry_header="x-ratelimit-reset",
    error=Error(400, {"errors": ["{text}"]}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/domains/search", each("zones", {"id": "{zone_id#int}", "name": "{zone}"}),
                   query={"exact": "{zone}"}, absent=True),
        route(listed, "GET", "/domains/{zone_id}/records/txt", each("rrsets", RECORD),
              paging=offsets(size="max", usual=100, largest=100, told=False)),
        route(made, "POST", "/domains/{zone_id}/records/txt", each("rrsets", RECORD), json=GIVEN,
              status=201),
        route(changed, "PUT", "/domains/{zone_id}/records/txt/{number}",
              {"success": "Record  updated successfully"}, json=GIVEN),
        route(removed, "DELETE", "/domains/{zone_id}/records/txt/{number}",
              {"success": "Record  deleted successfully"}),
    ])
