"""VegaDNS 2. github.com/shupp/VegaDNS-API, OpenDNS/vegadns2client: a search finds parts of names."""

from vendor import *  # noqa: F403

RECORD = {"record_id": "{id#int}", "domain_id": "{zone_id#int}", "name": "{fqdn}", "record_type": "{type}",
          "value": "{value}", "ttl": "{ttl#int}", "location_id": None}

FACTS = Vendor(
    "https://vegadns.example",
    auth=token("SECRET_VEGADNS_KEY", "SECRET_VEGADNS_SECRET"),
    settings={"base-url": "https://vegadns.example"},
    zone_ids=integers,
    error=Error(400, {"status": "error", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        login("/1.0/token", {"access_token": "{token}", "token_type": "bearer", "expires_in": 3600}, auth=False,
              form={"grant_type": "client_credentials"},
              basic=("{SECRET_VEGADNS_KEY}", "{SECRET_VEGADNS_SECRET}")),
        list_zones("/1.0/domains", {"status": "ok", "total_domains": "{total#int}", "domains": each("zones", {
            "domain_id": "{zone_id#int}", "domain": "{zone}", "status": "active"})}, query={"search?": "{part}"}),
        list_records("/1.0/records", {"status": "ok", "records": each("records", RECORD)},
                     query={"domain_id": "{zone_id}"}),
        create("/1.0/records", {"status": "ok", "record": RECORD}, status=201,
               form={"record_type": "TXT", "ttl": "{ttl}", "domain_id": "{zone_id}", "name": "{fqdn}",
                     "value": "{value}"}),
        delete("/1.0/records/{id}", {"status": "ok"}, status=200),
    ])
