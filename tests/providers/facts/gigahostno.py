"""Gigahost.no. gigahost.no/api-dokumentasjon: an API key or a login; a delete names the record too."""

from vendor import *  # noqa: F403

META = {"meta": {"status": 200, "status_message": "200 OK"}}
RECORD = {"record_id": "{id}", "record_name": "{name}", "record_type": "{type}", "record_value": "{value}",
          "record_ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://api.gigahost.no/api/v0",
    auth=[token("GIGAHOSTNO_USERNAME", "GIGAHOSTNO_PASSWORD"), bearer("GIGAHOSTNO_API_KEY")],
    ids=texts, zone_ids=texts,
    error=Error(400, {"meta": {"status": "{status#int}", "status_message": "Bad", "message": "{text}"}}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        login("/authenticate", {**META, "data": {"token": "{token}", "token_expire": 1767400000}},
              auth=False, json={"username": "{GIGAHOSTNO_USERNAME}", "password": "{GIGAHOSTNO_PASSWORD}"}),
        list_zones("/dns/zones", {**META, "data": each("zones", {
            "zone_id": "{zone_id}", "zone_name": "{zone}", "zone_active": "1"})}),
        list_records("/dns/zones/{zone_id}/records", {**META, "data": each("records", RECORD)}),
        create("/dns/zones/{zone_id}/records", META, status=201,
               json={"record_name": "{name}", "record_type": "TXT", "record_value": "{value}",
                     "record_ttl": "{ttl#int}"}),
        delete("/dns/zones/{zone_id}/records/{id}", META,
               query={"name": "{name}", "type": "TXT"}),
    ])
