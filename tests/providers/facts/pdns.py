"""PowerDNS. doc.powerdns.com/authoritative/http-api, and a real 4.7.3 (tests with it are L3)."""

from vendor import *  # noqa: F403

RECORDS = each("records", {"content": "{qvalue}", "disabled": False})
RRSET = {"name": "{fqdn.}", "type": "{type}", "ttl": "{ttl#int}", "comments": [], "records": RECORDS}
ZONE = {"id": "{zone.}", "name": "{zone.}", "kind": "Native", "serial": 1, "account": "",
        "url": "/api/v1/servers/localhost/zones/{zone.}"}
PATH = "/api/v1/servers/localhost/zones/{zone.}"

FACTS = Vendor(
    "https://pdns.example:8081",
    auth=Auth(headers={"X-API-Key": "{PDNS_API_KEY}"}),
    settings={"base-url": "https://pdns.example:8081"},
    zone_ids=None, harmless=("zone",),  # 422 is also said of names that are no zones.
    error=Error(422, {"error": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        get_zone(PATH, ZONE, query={"rrsets": "false"}),
        route("list_rrsets", "GET", PATH, {**ZONE, "rrsets": each("rrsets", RRSET)},
              query={"rrset_name?": "{fqdn.}", "rrset_type?": "{type}"}),
        put_rrset(PATH, method="PATCH", json={"rrsets": [
            {"name": "{fqdn.}", "type": "TXT", "ttl": "{ttl#int}", "changetype": "REPLACE",
             "records": RECORDS}]}, empty=True),
        delete_rrset(PATH, method="PATCH", missing="ok", json={"rrsets": [
            {"name": "{fqdn.}", "type": "TXT", "changetype": "DELETE"}]}),
    ])
