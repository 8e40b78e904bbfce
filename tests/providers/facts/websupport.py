"""Websupport. rest.websupport.sk/v2/docs, lego, acme.sh: HMAC of method, path and time as password."""

from vendor import *  # noqa: F403

import datetime
import hmac

RECORD = {"id": "{id#int}", "type": "{type}", "name": "{fqdn}", "content": "{value}", "ttl": "{ttl#int}",
          "note": ""}


def signed(server, call, query, members):
    """Basic authentication, whose password is made of the request and of the time in Date."""
    import base64
    stamp = datetime.datetime.fromisoformat(call.headers.get("date", "").replace("Z", "+00:00"))
    text = f"{call.method} {urllib.parse.urlsplit(call.url).path} {int(stamp.timestamp())}"
    mark = hmac.new(server.credentials["WEBSUPPORT_SECRET"].encode(), text.encode(), hashlib.sha1)
    pair = f"{server.credentials['WEBSUPPORT_API_KEY']}:{mark.hexdigest()}"
    good = "Basic " + base64.b64encode(pair.encode()).decode()
    return None if call.headers.get("authorization") == good else "invalid signature"


def listed(server, call):
    wanted = json.loads(call.found.get("filters", "{}"))
    call.owner = wanted.get("name")
    if wanted.get("type") == ["TXT"]:
        call.found["type"] = "TXT"
    return server.do_list_records(call)


SERVICE = {"id": "{zone_id#int}", "serviceName": "domain", "status": "active", "name": "{zone}"}
OTHER = {"id": 1, "serviceName": "webhosting", "status": "active", "name": "example.org"}

FACTS = Vendor(
    "https://rest.websupport.sk",
    auth=Auth(signed=signed, also=("WEBSUPPORT_API_KEY", "WEBSUPPORT_SECRET")),
    zone_ids=integers,
    error=Error(400, {"code": 400, "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/v1/user/self/service", {"items": each("zones", SERVICE)}),
        route(listed, "GET", "/v2/service/{zone_id}/dns/record", {"data": each("records", RECORD)},
              query={"filters?": "{filters}"}),
        create("/v2/service/{zone_id}/dns/record", None, status=204,
               json={"type": "TXT", "name": "{name}", "content": "{value}", "ttl": "{ttl#int}"}),
        delete("/v2/service/{zone_id}/dns/record/{id}"),
    ])
