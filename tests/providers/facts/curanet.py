"""Curanet. api.curanet.dk/dns/swagger: one API for several names of the company."""

from vendor import *  # noqa: F403


def family(key):
    record = {"id": "{id#int}", "name": "{name}", "type": "{type}", "ttl": "{ttl#int}", "data": "{value}"}
    path = "/dns/v2/Domains/{zone}/Records"
    return Vendor(
        "https://api.curanet.dk", auth=bearer(key), zone_ids=None,
        error=Error(400, {"type": "about:blank", "title": "Bad Request", "status": "{status#int}",
                          "detail": "{text}"}),
        errors={"unauthorised": 401, "absent": 404},
        routes=[
            list_records(path, each("records", record), query={"name?": "{name}", "type?": "{type}"}),
            create(path, record, json={"name": "{name}", "type": "TXT", "ttl": "{ttl#int}",
                                       "data": "{value}"}),
            delete(path + "/{id}"),
        ])


FACTS = family("CURANET_API_KEY")
