"""GleSYS. github.com/GleSYS/API; lexicon's recorded replies: the status in the body, @ at the apex."""

from vendor import *  # noqa: F403

RECORD = {"recordid": "{id#int}", "domainname": "{zone}", "host": "{name@}", "type": "{type}",
          "data": "{value}", "ttl": "{ttl#int}"}


def answer(code=200, text="OK", **more):
    return {"response": {"status": {"code": code, "timestamp": "2017-03-30T15:44:09+02:00",
                                    "text": text, "transactionid": None}, **more}}


FACTS = Vendor(
    "https://api.glesys.com",
    auth=basic("{GLESYS_API_USER}", "{GLESYS_API_KEY}"), zone_ids=None, ttl=(60, 2147483647),
    error=Error(400, answer("{status#int}", "{text}")), errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_records("/domain/listrecords", answer(records=each("records", RECORD)), method="POST",
                     json={"domainname": "{zone}"}),
        create("/domain/addrecord", answer(record=RECORD),
               json={"domainname": "{zone}", "host": "{name@}", "type": "TXT", "data": "{value}",
                     "ttl?": "{ttl#int}"}),
        delete("/domain/deleterecord", answer(), method="POST", json={"recordid": "{id#int}"}),
    ])
