"""regfish. regfish.readme.io, lego, recorded replies in dns-lexicon: success in the body, 15003 is a duplicate."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "name": "{fqdn.}", "type": "{type}", "data": "{value}", "ttl": "{ttl#int}",
          "active": True}
DONE = {"success": True, "code": 0}

FACTS = Vendor(
    "https://api.regfish.de",
    auth=Auth(headers={"x-api-key": "{REGFISH_API_KEY}"}),
    zone_ids=None, duplicates="refuse",
    error=Error(400, {"success": False, "code": 15000, "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401,
            "duplicate": Error(400, {"success": False, "code": 15003, "message": "{text}"})},
    routes=[
        list_records("/dns/{zone}/rr", {**DONE, "response": each("records", RECORD)}),
        create("/dns/rr", {**DONE, "response": RECORD}, status=201,
               json={"name": "{fqdn.}", "type": "TXT", "data": "{value}", "ttl": "{ttl#int}"}),
        delete("/dns/rr/{id}", DONE, status=200),
    ])
