"""Gravity. gravity.beryju.io/docs/api: a session cookie, records with a uid that the client makes."""

from vendor import *  # noqa: F403

RECORD = {"uid": "{id}", "fqdn": "{fqdn.}", "hostname": "{name@}", "type": "{type}", "data": "{value}"}
PATH = "/api/v1/dns/zones/records"


def signed(server, call, query, members):
    allowed = [f"gravity_session={one}" for one in server.tokens]
    return None if call.headers.get("cookie") in allowed else "unauthenticated"


def made(server, call):
    found = server.do_create(call)
    server.records[-1].id = call.found["uid"]
    return found


FACTS = Vendor(
    "https://gravity.example", settings={"base-url": "https://gravity.example"},
    auth=Auth(signed=signed, also=("GRAVITY_USERNAME", "GRAVITY_PASSWORD")), ids=uuid, zone_ids=None,
    error=Error(400, {"status": "INVALID", "error": "{text}", "code": 0, "context": {}}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        login("/api/v1/auth/login", {"successful": True}, auth=False,
              headers_out={"Set-Cookie": "gravity_session={token}; Path=/; HttpOnly"},
              json={"username": "{GRAVITY_USERNAME}", "password": "{GRAVITY_PASSWORD}"}),
        list_zones("/api/v1/dns/zones", {"zones": each("zones", {"name": "{zone.}", "defaultTTL": 86400,
                                                                 "authoritative": True})},
                   query={"name?": "{zone.}"}),
        list_records(PATH, {"records": each("records", RECORD)},
                     query={"zone": "{zone.}", "hostname?": "{name@}"}),
        route(made, "POST", PATH, status=200, query={"zone": "{zone.}", "hostname": "{name@}", "uid": "{uid}"},
              json={"data": "{value}", "type": "TXT"}),
        delete(PATH, query={"zone": "{zone.}", "hostname": "{name@}", "type": "TXT", "uid": "{id}"},
               status=200),
    ])
