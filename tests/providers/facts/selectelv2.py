"""Selectel DNS (v2). developers.selectel.ru (DNS Hosting), selectel/domains-go, lego: RRsets with ids, names with a final dot."""

from vendor import *  # noqa: F403

RECORDS = each("records", {"content": "{qvalue}"}, least=1)
RRSET = {"id": "{rrset_id}", "name": "{fqdn.}", "type": "{type}", "ttl": "{ttl#int}", "records": RECORDS}
PATH = "/zones/{zone_id}/rrset"

FACTS = Vendor(
    "https://api.selectel.ru/domains/v2",
    auth=token("SELECTELV2_USERNAME", "SELECTELV2_PASSWORD", "SELECTELV2_ACCOUNT_ID", "SELECTELV2_PROJECT_ID",
               header="X-Auth-Token", text="{token}"),
    zone_ids=uuid, ttl=(60, 604800),
    error=Error(400, {"error": "{code}", "description": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        login("https://cloud.api.selcloud.ru/identity/v3/auth/tokens", {"token": {"methods": ["password"]}},
              status=201, auth=False, headers_out={"X-Subject-Token": "{token}"},
              json={"auth": {"identity": {"methods": ["password"], "password": {"user": {
                  "name": "{SELECTELV2_USERNAME}", "domain": {"name": "{SELECTELV2_ACCOUNT_ID}"},
                  "password": "{SELECTELV2_PASSWORD}"}}},
                  "scope": {"project": {"id": "{SELECTELV2_PROJECT_ID}"}}}}),
        list_zones("/zones", {"count": "{total#int}", "next_offset": 0,
                              "result": each("zones", {"id": "{zone_id}", "name": "{zone.}"})},
                   query={"filter?": "{part}"}),
        route("list_rrsets", "GET", PATH, {"count": "{total#int}", "next_offset": 0,
                                           "result": each("rrsets", RRSET)},
              query={"name?": "{fqdn}", "rrset_types?": "{type}"}),
        put_rrset(PATH, RRSET, method="POST", status=200, only="absent",
                  json={"name": "{fqdn.}", "type": "TXT", "ttl": "{ttl#int}", "records": RECORDS}),
        put_rrset(PATH + "/{rrset_id}", None, method="PATCH", status=204, only="present",
                  json={"ttl": "{ttl#int}", "records": RECORDS}),
        delete_rrset(PATH + "/{rrset_id}"),
    ])
