"""Netlify. The vendor's OpenAPI description; the id of a zone is its name with _ for dots."""

from vendor import *  # noqa: F403

RECORD = {"hostname": "{fqdn}", "type": "{type}", "ttl": "{ttl#int}", "priority": None, "id": "{id}",
          "site_id": None, "dns_zone_id": "{zone_us}", "managed": False, "value": "{value}"}

FACTS = Vendor(
    "https://api.netlify.com/api/v1",
    auth=bearer("NETLIFY_TOKEN"),
    ids=hexes, zone_more=lambda zone: {"zone_us": zone.name.replace(".", "_")}, limit=(500, 60),
    error=Error(422, {"code": "{status#int}", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/dns_zones", each("zones", {"id": "{zone_us}", "name": "{zone}"})),
        list_records("/dns_zones/{zone_us}/dns_records", each("records", RECORD)),
        create("/dns_zones/{zone_us}/dns_records", RECORD, status=201,
               json={"type": "TXT", "hostname": "{fqdn}", "value": "{value}", "ttl": "{ttl#int}"}),
        delete("/dns_zones/{zone_us}/dns_records/{id}"),
    ])
