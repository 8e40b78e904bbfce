"""do.de. do.de/wiki: one value for a challenge name."""

from vendor import *  # noqa: F403

FACTS = Vendor(
    "https://my.do.de/api",
    auth=in_query(token="{DODE_TOKEN}"), zone_ids=None, slot=1, foreign=False,
    error=Error(200, {"success": False, "error": "{text}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        set_slot("/letsencrypt", {"domain": "{fqdn}", "success": True},
                 query={"domain": "{fqdn}", "value": "{value}"}),
        clear_slot("/letsencrypt", {"domain": "{fqdn}", "success": True},
                   query={"domain": "{fqdn}", "action": "delete"}),
    ])
