"""Aurora DNS. libcloud's driver and lexicon's recorded replies: duplicates are refused, base64 twice to sign."""

import base64
import hashlib
import hmac
import urllib.parse

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "{type}", "name": "{name}", "content": "{value}", "ttl": "{ttl#int}",
          "disabled": False, "prio": 0}


def signed(server, call, query, members):
    """AuroraDNSv1 base64(KEY:base64 HMAC-SHA256 of method, path and date)."""
    date = call.headers.get("x-auroradns-date", "")
    text = call.method + urllib.parse.urlsplit(call.url).path + date
    mac = base64.b64encode(hmac.new(server.credentials["AURORA_SECRET"].encode(), text.encode(),
                                    hashlib.sha256).digest()).decode()
    pair = base64.b64encode(f"{server.credentials['AURORA_API_KEY']}:{mac}".encode()).decode()
    if call.headers.get("authorization") != "AuroraDNSv1 " + pair:
        return "wrong signature"
    return None if date.startswith("20260102T03") and date.endswith("Z") else "out of time"


FACTS = Vendor(
    "https://api.auroradns.eu",
    auth=Auth(signed=signed, also=("AURORA_API_KEY", "AURORA_SECRET")), ids=uuid, zone_ids=uuid,
    duplicates="refuse", error=Error(400, {"error": "{code}", "errormsg": "{text}"}),
    errors={"unauthorised": 401, "absent": 404,
            "duplicate": Error(409, {"error": "RecordExistsError", "errormsg": "{text}"})},
    routes=[
        list_zones("/zones", each("zones", {"id": "{zone_id}", "name": "{zone}", "servers": []})),
        list_records("/zones/{zone_id}/records", each("records", RECORD)),
        create("/zones/{zone_id}/records", RECORD, status=201,
               json={"type": "TXT", "name": "{name}", "content": "{value}", "ttl": "{ttl#int}"}),
        delete("/zones/{zone_id}/records/{id}", status=200),
    ])
