"""KeyHelp. app.swaggerhub.com/apis-docs/keyhelp/api, lego and its fixtures: all records of a zone are written together."""

from vendor import *  # noqa: F403

OTHER = each("records", {"host": "{name@}", "ttl": "{ttl#int}", "type": "{type}", "value": "{value}"})
SOA = {"ttl": 86400, "primary_ns": "ns.example.com.", "rname": "root.example.com.", "refresh": 14400,
       "retry": 1800, "expire": 604800, "minimum": 3600}
DKIM = "default._domainkey IN TXT ( x )"

FACTS = Vendor(
    "https://panel.example",
    auth=Auth(headers={"X-API-Key": "{KEYHELP_API_KEY}"}),
    settings={"base-url": "https://panel.example"},
    zone_ids=integers,
    error=Error(400, {"code": "{code}", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/api/v2/domains", each("zones", {"id": "{zone_id#int}", "domain": "{zone}",
                                                     "domain_utf8": "{zone}", "is_subdomain": False}),
                   query={"sort?": "domain_utf8"}),
        get_document("/api/v2/dns/{zone_id}", {"is_custom_dns": False, "is_dns_disabled": False,
                                               "dkim_record": DKIM, "records": {"soa": SOA, "other": OTHER}}),
        put_document("/api/v2/dns/{zone_id}", {"id": "{zone_id#int}"}, status=200,
                     json={"dkim_record": DKIM, "records": {"soa": SOA, "other": OTHER}}),
    ])
