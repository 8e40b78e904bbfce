"""Leaseweb. developer.leaseweb.com (Domains), lego: POST makes an RRset, PUT changes it."""

from vendor import *  # noqa: F403

RRSET = {"_links": {"self": {"href": "x"}}, "name": "{fqdn.}", "type": "TXT", "editable": True,
         "content": each("records", "{value}"), "ttl": "{ttl#int}"}
PATH = "/domains/{zone}/resourceRecordSets"

FACTS = Vendor(
    "https://api.leaseweb.com/hosting/v2",
    auth=Auth(headers={"X-LSW-Auth": "{LEASEWEB_API_KEY}"}),
    zone_ids=None, ttls=(60, 300, 1800, 3600, 14400, 28800, 43200, 86400), ttl=(60, 86400),
    error=Error(400, {"correlationId": "x", "errorCode": "{code}", "errorMessage": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        get_zone("/domains/{zone}", {"domainName": "{zone}"}),
        get_rrset(PATH + "/{fqdn.}/TXT", RRSET),
        put_rrset(PATH, RRSET, method="POST", status=201, only="absent",
                  json={"name": "{fqdn.}", "type": "TXT", "ttl": "{ttl#int}",
                        "content": each("records", "{value}", least=1)}),
        put_rrset(PATH + "/{fqdn.}/TXT", RRSET, status=200, only="present",
                  json={"ttl": "{ttl#int}", "content": each("records", "{value}", least=1)}),
        delete_rrset(PATH + "/{fqdn.}/TXT"),
    ])
