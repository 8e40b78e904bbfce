"""DNS Made Easy. API 2.0 documentation; recorded replies in dns-lexicon: quoted data, duplicates."""

import email.utils
import hashlib
import hmac

from server import NOW
from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "type": "{type}", "name": "{name}", "value": "{qvalue}",
          "ttl": "{ttl#int}", "source": 1, "sourceId": "{zone_id#int}", "gtdLocation": "DEFAULT"}


def signed(server, call, query, members):
    """x-dnsme-hmac is hex HMAC-SHA1 of x-dnsme-requestDate, which is at most some minutes old."""
    date = call.headers.get("x-dnsme-requestdate", "")
    try:
        when = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return "x-dnsme-requestDate is not a date"
    digest = hmac.new(server.credentials["DNSMADEEASY_API_SECRET"].encode(), date.encode(),
                      hashlib.sha1).hexdigest()
    if call.headers.get("x-dnsme-hmac") != digest or abs(when - NOW) > 600 or not date.endswith("GMT"):
        return "wrong x-dnsme-hmac"
    return None


FACTS = Vendor(
    "https://api.dnsmadeeasy.com/V2.0",
    auth=Auth(headers={"x-dnsme-apiKey": "{DNSMADEEASY_API_KEY}"}, signed=signed,
              also=("DNSMADEEASY_API_SECRET",)),
    zone_ids=integers, duplicates="refuse", limit=(150, 300),
    error=Error(400, {"error": ["{text}"]}),
    errors={"absent": 404, "unauthorised": 403,
            "duplicate": Error(400, {"error": ["Record with this type (TXT), name and value already exists."]})},
    routes=[
        get_zone("/dns/managed/name", {"id": "{zone_id#int}", "name": "{zone}"},
                 query={"domainname": "{zone}"}),
        list_records("/dns/managed/{zone_id}/records",
                     {"page": "{page#int}", "totalPages": "{pages#int}", "totalRecords": "{total#int}",
                      "data": each("records", RECORD)},
                     query={"recordName?": "{name}", "type?": "{type}"},
                     paging=pages(size="rows", first=0)),
        create("/dns/managed/{zone_id}/records/", RECORD, status=201,
               json={"type": "TXT", "name": "{name}", "value": "{anyvalue}", "ttl": "{ttl#int}",
                     "gtdLocation?": "DEFAULT"}),
        create("/dns/managed/{zone_id}/records", RECORD, status=201,
               json={"type": "TXT", "name": "{name}", "value": "{anyvalue}", "ttl": "{ttl#int}",
                     "gtdLocation?": "DEFAULT"}),
        delete("/dns/managed/{zone_id}/records/{id}", status=200),
    ])
