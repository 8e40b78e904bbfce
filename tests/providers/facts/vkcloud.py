"""VK Cloud. mcs.mail.ru/docs (public DNS), lego: a list of TXT alone, behind Keystone."""

from vendor import *  # noqa: F403

RECORD = {"uuid": "{id}", "name": "{name}", "dns": "x", "content": "{value}", "ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://mcs.mail.ru/public-dns/v2/dns",
    auth=token("VK_CLOUD_USERNAME", "VK_CLOUD_PASSWORD", "VK_CLOUD_PROJECT_ID", header="X-Auth-Token",
               text="{token}"),
    ids=uuid, zone_ids=uuid,
    error=Error(400, {"error": {"code": 400, "message": "{text}"}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        login("https://infra.mail.ru/identity/v3/auth/tokens", {"token": {"catalog": []}}, status=201,
              auth=False, headers_out={"X-Subject-Token": "{token}"},
              json={"auth": {"identity": {"methods": ["password"], "password": {"user": {
                  "name": "{VK_CLOUD_USERNAME}", "domain": {"name": "users"},
                  "password": "{VK_CLOUD_PASSWORD}"}}},
                  "scope": {"project": {"id": "{VK_CLOUD_PROJECT_ID}"}}}}),
        list_zones("/", each("zones", {"uuid": "{zone_id}", "zone": "{zone}", "status": "active"})),
        list_records("/{zone_id}/txt/", each("records", RECORD), kind="TXT"),
        create("/{zone_id}/txt/", RECORD, status=200,
               json={"name": "{name}", "content": "{value}", "ttl": "{ttl#int}"}),
        delete("/{zone_id}/txt/{id}"),
    ])
