"""Exoscale. openapi-v2.exoscale.com: signed requests, changes are operations that are polled; quoted data."""

import base64
import hashlib
import hmac
import re
import urllib.parse

from server import NOW
from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "name": "{name}", "content": "{qvalue}", "type": "{type}", "ttl": "{ttl#int}",
          "created-at": "2023-01-01T00:00:00Z"}
OPERATION = {"id": "{job}", "state": "pending", "reference": {"id": "{id}"}}


def signed(server, call, query, members):
    """EXO2-HMAC-SHA256 of method and path, body, signed parameters, headers, and the time it expires."""
    form = re.fullmatch(r"EXO2-HMAC-SHA256 credential=([^,]*),expires=(\d+),signature=(\S+)",
                        call.headers.get("authorization", ""))
    if form is None:
        return "no EXO2 signature"
    key, expires, signature = form.groups()
    text = "\n".join((f"{call.method} {urllib.parse.urlsplit(call.url).path}", call.body, "", "",
                      expires))
    wanted = hmac.new(server.credentials["EXOSCALE_API_SECRET"].encode(), text.encode(),
                      hashlib.sha256).digest()
    if key != server.credentials["EXOSCALE_API_KEY"] or query \
            or base64.b64encode(wanted).decode() != signature:
        return "wrong signature"
    return None if NOW < int(expires) < NOW + 1000 else "expired"


FACTS = Vendor(
    "https://api-ch-gva-2.exoscale.com/v2",
    auth=Auth(signed=signed, also=("EXOSCALE_API_KEY", "EXOSCALE_API_SECRET")),
    ids=uuid, zone_ids=uuid,
    error=Error(400, {"message": "{text}"}), errors={"unauthorised": 403, "absent": 404},
    routes=[
        list_zones("/dns-domain", {"dns-domains": each("zones", {
            "id": "{zone_id}", "created-at": "2023-01-01T00:00:00Z", "unicode-name": "{zone}"})}),
        list_records("/dns-domain/{zone_id}/record", {"dns-domain-records": each("records", RECORD)}),
        create("/dns-domain/{zone_id}/record", OPERATION, job=True,
               json={"name": "{name}", "type": "TXT", "content": "{anyvalue}", "ttl?": "{ttl#int}"}),
        delete("/dns-domain/{zone_id}/record/{id}", OPERATION, job=True),
        poll("/operation/{job}", {"id": "{job}", "state": "{state}"}, words=("success", "pending", "failure")),
    ])
