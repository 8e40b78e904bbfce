"""EuroDNS. docapi.eurodns.com: a zone is written as a whole, with its forwards; TTLs of a list."""

from vendor import *  # noqa: F403

OLD = {"id": "{id#int}", "type": "{type}", "host": "{name@}", "ttl": "{ttl#int}", "rdata": "{value}",
       "updated": True, "locked": False, "isDynDns": False}
NEW = {"type": "TXT", "host": "{name@}", "ttl": "{ttl#int}", "rdata": "{value}", "updated": None,
       "locked": None, "isDynDns": None}
FORWARDS = [{"id": 2000, "forwardType": "FRAME", "host": "string", "url": "string"}]


def document(records):
    return {"name": "{zone}", "domainConnect": True, "records": each("records", records),
            "urlForwards": FORWARDS, "mailForwards": []}


def put(server, call):
    allowed = (600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 604800)
    for one in call.found["records"]:
        if one["ttl"] not in allowed:
            raise ValueError(f"TTL {one['ttl']}")
    return server.do_put_document(call)


FACTS = Vendor(
    "https://rest-api.eurodns.com",
    auth=headers(X_APP_ID="{EURODNS_APP_ID}", X_API_KEY="{EURODNS_API_KEY}"), zone_ids=None,
    error=Error(400, {"errors": [{"code": "{code}", "title": "{text}"}]}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        get_document("/dns-zones/{zone}", document(OLD)),
        route(put, "PUT", "/dns-zones/{zone}", status=204, json=document(either(OLD, NEW))),
    ])
