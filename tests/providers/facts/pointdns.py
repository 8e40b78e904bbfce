"""PointDNS. pointhq.com/api/docs, recorded traffic in dns-lexicon: records are wrapped, names whole in replies."""

from vendor import *  # noqa: F403

RECORD = {"zone_record": {"id": "{id#int}", "zone_id": 1, "name": "{fqdn.}", "data": "{qvalue}",
                          "record_type": "{type}", "ttl": "{ttl#int}", "aux": ""}}
PATH = "/zones/{zone}/records"

FACTS = Vendor(
    "https://api.pointhq.com",
    auth=basic("{POINTDNS_USERNAME}", "{POINTDNS_PASSWORD}"),
    zone_ids=None,
    error=Error(422, {"message": "{text}"}),
    errors={"absent": 404, "unauthorised": 403},
    routes=[
        list_records(PATH, each("records", RECORD), query={"record_type?": "{type}", "name?": "{name}"}),
        create(PATH, RECORD, status=201,
               json={"zone_record": {"name": "{name}", "data": "{value}", "ttl": "{ttl#int}",
                                     "record_type": "TXT"}}),
        delete(PATH + "/{id}", {"zone_record": {"status": "OK"}}, status=202),
    ])
