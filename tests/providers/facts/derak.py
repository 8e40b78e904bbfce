"""Derak Cloud. lego and its recorded replies: sent names are relative, listed ones whole."""

from vendor import *  # noqa: F403

RECORD = {"recordId": "{id}", "type": "{type}", "host": "{fqdn}", "content": "{value}",
          "ttl": "{ttl#int}", "cloud": False, "advanced": False, "customSSLType": ""}

FACTS = Vendor(
    "https://api.derak.cloud",
    auth=basic("api", "{DERAK_API_KEY}"),
    ids=hexes,
    error=Error(400, {"success": False, "error": 1010, "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 403},
    routes=[
        list_zones("/api/v2/service/cdn/zones", {"success": True, "result": each("zones", {
            "zoneId": "{zone_id}", "humanReadable": "{zone}", "status": "active"})}),
        list_records("/v1.0/zones/{zone_id}/dnsrecords", {"data": each("records", RECORD)}),
        create("/v1.0/zones/{zone_id}/dnsrecords", RECORD, method="PUT", status=201,
               json={"type": "TXT", "host": either("{name@}", "{name}"), "content": "{value}",
                     "ttl": "{ttl#int}"}),
        delete("/v1.0/zones/{zone_id}/dnsrecords/{id}", {"success": True}),
    ])
