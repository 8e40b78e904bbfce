"""Versio. versio.nl/RESTapidoc, lego's fixtures: all records of a zone are written together, data in quotes."""

from vendor import *  # noqa: F403

RECORDS = each("records", {"type": "{type}", "name": "{fqdn.}", "value": "{qvalue}", "prio": 0,
                           "ttl": "{ttl#int}"})

FACTS = Vendor(
    "https://www.versio.nl/api/v1",
    auth=basic("{VERSIO_USERNAME}", "{VERSIO_PASSWORD}"),
    zone_ids=None,
    error=Error(400, {"error": {"code": 400, "message": "{text}"}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        get_document("/domains/{zone}", {"domainInfo": {"domain": "{zone}", "status": "OK",
                                                        "dns_records": RECORDS}},
                     query={"show_dns_records": "true"}),
        put_document("/domains/{zone}/update", {"domainInfo": {"domain": "{zone}", "dns_records": RECORDS}},
                     method="POST", status=200, json={"dns_records": RECORDS}),
    ])
