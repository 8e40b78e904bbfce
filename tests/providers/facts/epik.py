"""Epik. docs-userapi.epik.com/v2: the signature is a password in the query; names of zones in capitals."""

from vendor import *  # noqa: F403

GOOD = {"code": 1000, "message": "Command completed successfully.", "description": None}
RECORD = {"id": "{id}", "name": "{name}", "type": "{type}", "data": "{value}", "aux": 0, "ttl": "{ttl#int}"}
WRONG = {"errors": [{"code": 1, "message": "Bad", "description": "{text}"}]}

FACTS = Vendor(
    "https://usersapiv2.epik.com/v2",
    auth=in_query(SIGNATURE="{EPIK_SIGNATURE}"), ids=hexes, zone_ids=None,
    error=Error(400, WRONG), errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_records("/domains/{zone}/records",
                     {"data": {"name": "{zone}", "code": 1000, "records": each("records", RECORD)}}),
        create("/domains/{zone}/records", GOOD, status=201,
               json={"create_host_records_payload": {"HOST": "{name}", "TYPE": "TXT", "DATA": "{value}",
                                                     "AUX?": 0, "TTL": "{ttl#int}"}}),
        delete("/domains/{zone}/records", GOOD, query={"ID": "{id}"}, status=200),
    ])
