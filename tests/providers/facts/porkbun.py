"""Porkbun. porkbun.com/api/json/v3/documentation; ids are numbers when made and texts in lists."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "name": "{fqdn}", "type": "{type}", "content": "{value}", "ttl": "{ttl}",
          "prio": None, "notes": "{note}"}
RECORDS = {"status": "SUCCESS", "records": each("records", RECORD)}

FACTS = Vendor(
    "https://api.porkbun.com/api/json/v3",
    auth=in_body(apikey="{PORKBUN_API_KEY}", secretapikey="{PORKBUN_SECRET_API_KEY}"),
    ids=integers, zone_ids=None, ttl=(600, 2147483647),
    error=Error(400, {"status": "ERROR", "message": "{text}"}),
    errors={"absent": Error(400, {"status": "ERROR", "message": "Invalid record ID."}),
            "unauthorised": 403},
    routes=[
        list_records("/dns/retrieveByNameType/{zone}/{type}/{name}", RECORDS, method="POST", json={}),
        list_records("/dns/retrieveByNameType/{zone}/{type}", RECORDS, method="POST", json={},
                     at_apex=True),
        list_records("/dns/retrieve/{zone}", RECORDS, method="POST", json={}),
        create("/dns/create/{zone}", {"status": "SUCCESS", "id": "{id#int}"},
               json={"name": "{name}", "type": "TXT", "content": "{value}", "ttl": "{ttl}"}),
        delete("/dns/delete/{zone}/{id}", {"status": "SUCCESS"}, method="POST", json={}),
    ])
