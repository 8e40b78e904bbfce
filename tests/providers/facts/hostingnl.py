"""Hosting.nl. api.hosting.nl, lego and its recorded replies: lists in bodies, quoted data."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "{type}", "content": "{qvalue}", "name": "{fqdn}", "prio": 0,
          "ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://api.hosting.nl",
    auth=headers(API_TOKEN="{HOSTINGNL_API_KEY}"), ids=texts, zone_ids=None,
    error=Error(400, {"errors": {"message": "{text}"}}),
    errors={"absent": Error(404, {"error": "Resource not found"}), "unauthorised": 401},
    routes=[
        get_zone("/domains/{zone}", {"success": True, "data": {"domain": "{zone}"}}),
        list_records("/domains/{zone}/dns", {"success": True, "data": each("records", RECORD)}),
        create("/domains/{zone}/dns", {"success": True, "data": [RECORD]},
               json=[{"name": "{fqdn}", "type": "TXT", "content": "{qvalue}", "ttl": "{ttl#int}",
                      "prio?": 0}]),
        delete("/domains/{zone}/dns", {"success": True, "data": [{"id": "{id}"}]}, json=[{"id": "{id}"}]),
    ])
