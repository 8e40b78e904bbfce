"""Open Telekom Cloud. docs.otc.t-systems.com (DNS API), lego: Designate, behind Keystone."""

from vendor import *  # noqa: F403

RECORDS = each("records", "{qvalue}", least=1)
RRSET = {"id": "{rrset_id}", "name": "{fqdn.}", "type": "{type}", "ttl": "{ttl#int}", "records": RECORDS,
         "zone_id": "{zone_id}", "status": "ACTIVE"}
BODY = {"name": "{fqdn.}", "type": "TXT", "ttl": "{ttl#int}", "records": RECORDS}
PATH = "/zones/{zone_id}/recordsets"

FACTS = Vendor(
    "https://dns.eu-de.otc.t-systems.com/v2",
    auth=token("OTC_USER_NAME", "OTC_PASSWORD", "OTC_DOMAIN_NAME", "OTC_PROJECT_NAME", header="X-Auth-Token",
               text="{token}"),
    zone_ids=uuid, ttl=(300, 2147483647),
    error=Error(400, {"code": "DNS.0001", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        login("https://iam.eu-de.otc.t-systems.com/v3/auth/tokens", {"token": {"catalog": []}}, status=201,
              auth=False, headers_out={"X-Subject-Token": "{token}"},
              json={"auth": {"identity": {"methods": ["password"], "password": {"user": {
                  "name": "{OTC_USER_NAME}", "domain": {"name": "{OTC_DOMAIN_NAME}"},
                  "password": "{OTC_PASSWORD}"}}}, "scope": {"project": {"name": "{OTC_PROJECT_NAME}"}}}}),
        list_zones("/zones", {"zones": each("zones", {"id": "{zone_id}", "name": "{zone.}", "status": "ACTIVE"})},
                   query={"name?": "{zone.}"}),
        route("list_rrsets", "GET", PATH, {"recordsets": each("rrsets", RRSET), "metadata": {"total_count": 1}},
              query={"type?": "{type}", "name?": "{fqdn.}"}),
        put_rrset(PATH, RRSET, method="POST", status=202, only="absent", json=BODY),
        put_rrset(PATH + "/{rrset_id}", RRSET, status=202, only="present", json=BODY),
        delete_rrset(PATH + "/{rrset_id}", {"status": "PENDING_DELETE"}, status=202),
    ])
