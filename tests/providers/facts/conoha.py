"""ConoHa v2. doc.conoha.jp; lexicon's recorded replies: an identity service, final dots, duplicates refused."""

from vendor import *  # noqa: F403


def family(base, identity, login_route, ident, also):
    record = {ident: "{id}", "name": "{fqdn.}", "type": "{type}", "data": "{value}", "ttl": "{ttl#int}",
              "domain_id": "{zone_id}"}
    return Vendor(
        base, auth=token(*also, header="X-Auth-Token", text="{token}"), ids=uuid, zone_ids=uuid,
        duplicates="refuse", error=Error(400, {"code": "{status#int}", "type": "{text}"}),
        errors={"unauthorised": 401, "absent": 404,
                "duplicate": Error(409, {"code": 409, "type": "duplicate_record"})},
        routes=[
            login_route,
            list_zones("/v1/domains", {"domains": each("zones", {ident: "{zone_id}", "name": "{zone.}",
                                                                 "ttl": 3600})},
                       query={"name?": "{zone.}"}),
            list_records("/v1/domains/{zone_id}/records", {"records": each("records", record)}),
            create("/v1/domains/{zone_id}/records", record,
                   json={"name": "{fqdn.}", "type": "TXT", "data": "{value}", "ttl": "{ttl#int}"}),
            delete("/v1/domains/{zone_id}/records/{id}", status=200),
        ])


FACTS = family(
    "https://dns-service.tyo1.conoha.io", "", login(
        "https://identity.tyo1.conoha.io/v2.0/tokens",
        {"access": {"token": {"id": "{token}", "expires": "2026-05-20T07:08:21Z"}}}, auth=False,
        json={"auth": {"tenantId": "{CONOHA_TENANT_ID}", "passwordCredentials": {
            "username": "{CONOHA_API_USERNAME}", "password": "{CONOHA_API_PASSWORD}"}}}),
    "id", ("CONOHA_TENANT_ID", "CONOHA_API_USERNAME", "CONOHA_API_PASSWORD"))
