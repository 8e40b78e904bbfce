"""Fornex. fornex.com/api (entry_set), acme.sh for the list."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "host": "{name}", "type": "{type}", "ttl": "{ttl#int}", "value": "{value}"}
PATH = "/dns/domain/{zone}/entry_set"

FACTS = Vendor(
    "https://fornex.com/api",
    auth=headers(Api_Key="{FORNEX_API_KEY}"), zone_ids=None,
    error=Error(400, {"detail": "{text}"}), errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_records(PATH, each("records", RECORD), query={"type?": "{type}", "q?": "{fqdn}"}),
        create(PATH, RECORD, status=201, json={"host": "{name}", "type": "TXT", "ttl": "{ttl#int}",
                                               "value": "{value}"}),
        delete(PATH + "/{id}"),
    ])
