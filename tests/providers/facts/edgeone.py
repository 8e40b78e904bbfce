"""Tencent EdgeOne. edgeone.ai/document/50454: actions in a header, TC3 signatures, errors with status 200."""

import hashlib
import hmac
import re

from server import NOW
from vendor import *  # noqa: F403

RECORD = {"RecordId": "{id}", "ZoneId": "{zone_id}", "Name": "{fqdn}", "Type": "{type}", "TTL": "{ttl#int}",
          "Content": "{value}", "Status": "enable"}
FILTERS = [{"Name": "name", "Values": ["{fqdn}"]}, {"Name": "type", "Values": ["{type}"]}]
FORM = (r"TC3-HMAC-SHA256 Credential=([^/]*)/2026-01-02/teo/tc3_request, "
        r"SignedHeaders=content-type;host, Signature=([0-9a-f]{64})")


def answer(**more):
    return {"Response": {**more, "RequestId": "5e0a2b4e"}}


def wrong(code):
    return Error(200, answer(Error={"Code": code, "Message": "{text}"}))


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(server, call, query, members):
    """TC3-HMAC-SHA256 of content type and host."""
    form = re.fullmatch(FORM, call.headers.get("authorization", ""))
    stamp = call.headers.get("x-tc-timestamp", "")
    if form is None or call.headers.get("x-tc-version") != "2022-09-01" \
            or not stamp.isdigit() or abs(int(stamp) - NOW) > 300:
        return "no signature"
    canonical = "\n".join((call.method, "/", "", "content-type:" + call.headers["content-type"],
                           "host:teo.tencentcloudapi.com", "", "content-type;host",
                           hashlib.sha256(call.body.encode()).hexdigest()))
    text = "\n".join(("TC3-HMAC-SHA256", stamp, "2026-01-02/teo/tc3_request",
                      hashlib.sha256(canonical.encode()).hexdigest()))
    key = ("TC3" + server.credentials["EDGEONE_SECRET_KEY"]).encode()
    for part in ("2026-01-02", "teo", "tc3_request"):
        key = mac(key, part)
    good = form.group(1) == server.credentials["EDGEONE_SECRET_ID"]
    return None if good and mac(key, text).hex() == form.group(2) else "The signature is wrong"


def removed(server, call):
    from server import Refusal
    for item in call.found["ids"]:
        call.found["id"] = item["id"]
        server.do_delete(call)
    if not call.found["ids"]:
        raise Refusal("invalid", "no ids", fault=True)
    return {}


FACTS = Vendor(
    "https://teo.tencentcloudapi.com",
    auth=[Auth(signed=signed, also=("EDGEONE_SECRET_ID", "EDGEONE_SECRET_KEY")),
          Auth(headers={"X-TC-Token": "{EDGEONE_SESSION_TOKEN}"}, signed=signed,
               also=("EDGEONE_SECRET_ID", "EDGEONE_SECRET_KEY"))], ids=hexes,
    ttl=(60, 86400), error=wrong("InvalidParameter"),
    errors={"unauthorised": wrong("AuthFailure.SignatureFailure"), "absent": wrong("ResourceNotFound")},
    skip={"vanished": "what it says of a record that is not there is not known"},
    routes=[
        list_zones("/", answer(TotalCount="{total#int}", Zones=each("zones", {
            "ZoneId": "{zone_id}", "ZoneName": "{zone}", "Status": "active"})), method="POST",
                   headers={"X-TC-Action": "DescribeZones"}, json={"Limit?": 100, "Offset?": 0}),
        list_records("/", answer(TotalCount="{total#int}", DnsRecords=each("records", RECORD)),
                     method="POST", headers={"X-TC-Action": "DescribeDnsRecords"},
                     json={"ZoneId": "{zone_id}", "Filters?": FILTERS, "Limit?": 1000}),
        create("/", answer(RecordId="{id}"), headers={"X-TC-Action": "CreateDnsRecord"},
               json={"ZoneId": "{zone_id}", "Name": "{fqdn}", "Type": "TXT", "Content": "{value}",
                     "TTL?": "{ttl#int}"}),
        route(removed, "POST", "/", answer(), headers={"X-TC-Action": "DeleteDnsRecords"},
              json={"ZoneId": "{zone_id}", "RecordIds": each("ids", "{id}")}),
    ])
