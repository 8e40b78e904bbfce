"""OVH. eu.api.ovh.com/console: ids in lists, quoted data, a refresh behind each change, its clock."""

import hashlib

from server import NOW
from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "zone": "{zone}", "fieldType": "{type}", "subDomain": "{name}",
          "target": "{qvalue}", "ttl": "{ttl#int}"}
SKEW = 7200  # Ours and the vendor's clocks differ, which is why there is /auth/time.


def signed(server, call, query, members):
    """$1$ and SHA-1 of secret+consumer+METHOD+URL+BODY+TIME."""
    stamp = call.headers.get("x-ovh-timestamp", "")
    text = "+".join((server.credentials["OVH_APPLICATION_SECRET"],
                     server.credentials["OVH_CONSUMER_KEY"], call.method, call.url, call.body, stamp))
    wanted = "$1$" + hashlib.sha1(text.encode()).hexdigest()
    if call.headers.get("x-ovh-signature") != wanted:
        return "Invalid signature"
    if not stamp.isdigit() or abs(int(stamp) - NOW - SKEW) > 600:
        return "This query is out of time"
    return None


FACTS = Vendor(
    "https://eu.api.ovh.com/1.0",
    auth=Auth(headers={"X-Ovh-Application": "{OVH_APPLICATION_KEY}",
                       "X-Ovh-Consumer": "{OVH_CONSUMER_KEY}"}, signed=signed,
              also=("OVH_APPLICATION_SECRET",)),
    zone_ids=None, ttl=(60, 2147483647), publishes=True,
    error=Error(400, {"class": "Client::BadRequest", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 403},
    routes=[
        constant("/auth/time", str(NOW + SKEW), auth=False),
        get_zone("/domain/zone/{zone}", {"name": "{zone}", "dnssecSupported": True}),
        list_records("/domain/zone/{zone}/record", each("records", "{id#int}"),
                     query={"fieldType?": "{type}", "subDomain?": "{name}"}),
        get_record("/domain/zone/{zone}/record/{id}", RECORD),
        create("/domain/zone/{zone}/record", RECORD,
               json={"fieldType": "TXT", "subDomain?": "{name}", "target": "{anyvalue}",
                     "ttl?": "{ttl#int}"}),
        delete("/domain/zone/{zone}/record/{id}", status=200),
        publish("/domain/zone/{zone}/refresh", status=200),
    ])
