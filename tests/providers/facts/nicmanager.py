"""Nicmanager. api.nicmanager.com/docs/v1, lego: a zone holds its records, names without a final dot there."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "name": "{fqdn}", "type": "{type}", "content": "{value}", "ttl": "{ttl#int}"}
PATH = "/anycast/{zone}"

FACTS = Vendor(
    "https://api.nicmanager.com/v1",
    auth=[basic("{NICMANAGER_API_EMAIL}", "{NICMANAGER_API_PASSWORD}"),
          basic("{NICMANAGER_API_LOGIN}.{NICMANAGER_API_USERNAME}", "{NICMANAGER_API_PASSWORD}")],
    zone_ids=None, ttl=(900, 2147483647),
    error=Error(400, {"message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records(PATH, {"name": "{zone}", "active": True, "records": each("records", RECORD)}),
        create(PATH + "/records", None, status=202,
               json={"name": "{fqdn.}", "type": "TXT", "ttl": "{ttl#int}", "value": "{value}"}),
        delete(PATH + "/records/{id}", None, status=202),
    ])
