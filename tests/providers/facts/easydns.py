"""easyDNS. docs.sandbox.rest.easydns.net: errors in the body, lists with start, max and total."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "domain": "{zone}", "host": "{name@}", "ttl": "{ttl}", "prio": "0",
          "geozone_id": "0", "type": "{type}", "rdata": "{value}", "last_mod": "2019-08-28 19:09:50"}

FACTS = Vendor(
    "https://rest.easydns.net",
    auth=Auth(basic=("{EASYDNS_TOKEN}", "{EASYDNS_KEY}"), query={"format": "json"}), zone_ids=None,
    error=Error(400, {"error": {"code": "{status#int}", "message": "{text}"}}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_records("/zones/records/all/{zone}",
                     {"msg": "message", "status": 200, "tm": 0, "data": each("records", RECORD),
                      "count": "{count#int}", "total": "{total#int}", "start": "{offset#int}",
                      "max": "{size#int}"},
                     paging=offsets("start", size=None, usual=1000, largest=1000, told=False)),
        create("/zones/records/add/{zone}/TXT", {"msg": "message", "tm": 1, "data": RECORD,
                                                 "status": 201}, method="PUT", status=201,
               json={"domain": "{zone}", "host": "{name@}", "ttl": "{ttl}", "prio": "0", "type": "TXT",
                     "rdata": "{value}"}),
        delete("/zones/records/{zone}/{id}", {"msg": "OK", "status": 200}),
    ])
