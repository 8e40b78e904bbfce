"""CloudDNS (vshosting). admin.vshosting.cloud/clouddns/swagger: a login, zones are searched for, changes published."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "domainId": "{zone_id}", "name": "{fqdn.}", "value": "{value}", "type": "{type}"}

FACTS = Vendor(
    "https://admin.vshosting.cloud/clouddns",
    auth=token("CLOUDDNS_EMAIL", "CLOUDDNS_PASSWORD"), ids=hexes, publishes=True,
    settings={"client-id": "client"},
    error=Error(400, {"error": {"code": "{status#int}", "message": "{text}"}}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        login("https://admin.vshosting.cloud/api/public/auth/login",
              {"auth": {"accessToken": "{token}", "refreshToken": "r"}}, auth=False,
              json={"email": "{CLOUDDNS_EMAIL}", "password": "{CLOUDDNS_PASSWORD}"}),
        list_zones("/domain/search", {"items": each("zones", {"id": "{zone_id}", "domainName": "{zone.}",
                                                              "status": "ACTIVE"}),
                                      "totalHits": "{total#int}"}, method="POST",
                   json={"search": [{"name": "clientId", "operator": "eq", "value": "client"},
                                    {"name": "domainName", "operator": "eq", "value": "{zone.}"}]}),
        get_document("/domain/{zone_id}", {"id": "{zone_id}", "domainName": "{zone.}", "soaTtl": 300,
                                           "lastDomainRecordList": each("records", RECORD)}),
        create("/record-txt", RECORD,
               json={"domainId": "{zone_id}", "name": "{fqdn.}", "value": "{value}", "type": "TXT"}),
        delete("/record/{id}"),
        publish("/domain/{zone_id}/publish", method="PUT", json={"soaTtl": "{soa#int}"}),
    ])
