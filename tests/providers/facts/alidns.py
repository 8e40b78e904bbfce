"""Alibaba Cloud DNS. alibabacloud.com/help: actions in the query, signed with HMAC-SHA1 of the sorted query; pages."""

import base64
import hashlib
import hmac
import urllib.parse

from vendor import *  # noqa: F403

RECORD = {"RecordId": "{id}", "DomainName": "{zone}", "RR": "{name@}", "Type": "{type}", "Value": "{value}",
          "TTL": "{ttl#int}", "Line": "default", "Status": "ENABLE"}
COMMON = {"RequestId": "536E9CAD", "PageNumber": "{page#int}", "PageSize": "{size#int}",
          "TotalCount": "{total#int}"}


def wrong(code):
    return {"RequestId": "8906582E", "HostId": "alidns.aliyuncs.com", "Code": code, "Message": "{text}"}


def encoded(text):
    return urllib.parse.quote(text, safe="-_.~")


def signed(server, call, query, members):
    """Signature version 1.0 of the RPC API."""
    given = query.pop("Signature", None)
    text = "&".join(f"{encoded(name)}={encoded(query[name])}" for name in sorted(query))
    text = f"{call.method}&{encoded('/')}&{encoded(text)}"
    wanted = base64.b64encode(hmac.new((server.credentials["ALICLOUD_SECRET_KEY"] + "&").encode(),
                                       text.encode(), hashlib.sha1).digest()).decode()
    if query.pop("AccessKeyId", None) != server.credentials["ALICLOUD_ACCESS_KEY"] or given != wanted:
        return "Specified signature is not matched with our calculation."
    fixed = {"Format": "JSON", "Version": "2015-01-09", "SignatureMethod": "HMAC-SHA1",
             "SignatureVersion": "1.0"}
    if any(query.pop(name, None) != value for name, value in fixed.items()):
        return "a parameter is missing"
    if not query.pop("Timestamp", "").startswith("2026-01-02T03:") or not query.pop("SignatureNonce", ""):
        return "out of time"
    return None


def listed(server, call):
    """RRKeyWord and TypeKeyWord are parts of the name and of the type."""
    part = call.found.get("part", "").lower()
    records = [one for one in map(server.record_variables, server.at(server.wanted_zone(call)))
               if part in one["name@"] and call.found.get("kind", "") in one["type"]]
    return server.page(call, "records", records)


FACTS = Vendor(
    "https://alidns.aliyuncs.com",
    auth=Auth(signed=signed, also=("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY")), ids=texts, zone_ids=None,
    duplicates="refuse", ttl=(600, 86400), limit=(60, 1),
    error=Error(400, wrong("InvalidParameter")),
    errors={"unauthorised": Error(400, wrong("SignatureDoesNotMatch")),
            "duplicate": Error(400, wrong("DomainRecordDuplicate")),
            "absent": Error(404, wrong("InvalidDomainName.NoExist"))},
    skip={"vanished": "what it says of a record that is not there is not known"},
    routes=[
        list_zones("/", {**COMMON, "Domains": {"Domain": each("zones", {"DomainName": "{zone}",
                                                                        "PunyCode": "{zone}"})}},
                   query={"Action": "DescribeDomains"},
                   paging=Paging("page", "PageNumber", "PageSize", usual=20, largest=100, told=False)),
        route(listed, "GET", "/", {**COMMON, "DomainRecords": {"Record": each("records", RECORD)}},
              query={"Action": "DescribeDomainRecords", "DomainName": "{zone}", "RRKeyWord?": "{part}",
                     "TypeKeyWord?": "{kind}"},
              paging=Paging("page", "PageNumber", "PageSize", usual=20, largest=500, told=False)),
        create("/", {"RequestId": "536E9CAD", "RecordId": "{id}"},
               query={"Action": "AddDomainRecord", "DomainName": "{zone}", "RR": "{name@}", "Type": "TXT",
                      "Value": "{value}", "TTL": "{ttl}"}),
        delete("/", {"RequestId": "536E9CAD", "RecordId": "{id}"}, method="POST",
               query={"Action": "DeleteDomainRecord", "RecordId": "{id}"}),
    ])
