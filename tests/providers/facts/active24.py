"""Active24. rest.active24.cz/v2/docs: signed with the time, services instead of zones, names whole when read."""

import base64
import datetime
import hashlib
import hmac
import json
import urllib.parse

from vendor import *  # noqa: F403


def family(base, key, secret):
    record = {"id": "{id#int}", "type": "{type}", "name": "{fqdn}", "content": "{value}",
              "ttl": "{ttl#int}"}

    def signed(server, call, query, members):
        """Basic KEY and hex HMAC-SHA1 of method, path and the time, which the header Date tells."""
        try:
            date = datetime.datetime.fromisoformat(call.headers.get("date", "").replace("Z", "+00:00"))
        except ValueError:
            return "no Date"
        path = urllib.parse.urlsplit(call.url).path
        mac = hmac.new(server.credentials[secret].encode(),
                       f"{call.method} {path} {int(date.timestamp())}".encode(), hashlib.sha1)
        pair = f"{server.credentials[key]}:{mac.hexdigest()}"
        given = call.headers.get("authorization")
        return None if given == "Basic " + base64.b64encode(pair.encode()).decode() else "wrong"

    def listed(server, call):
        wanted = call.found.get("filters")
        if wanted:
            call.found["type"] = wanted["type"][0]
            call.owner = wanted["name"]
        return server.do_list_records(call)

    def take(server, call):
        """The query's `filters` is JSON."""
        call.found["filters"] = json.loads(call.found.get("text", "{}"))
        if set(call.found["filters"]) - {"name", "type", "content"}:
            raise ValueError("unknown filters")
        return listed(server, call)

    return Vendor(
        base, auth=Auth(signed=signed, also=(key, secret)), zone_ids=integers,
        error=Error(422, {"type": "/errors/validation", "status": "{status#int}", "title": "{text}"}),
        errors={"unauthorised": 401, "absent": 404},
        routes=[
            list_zones("/v1/user/self/service", {"items": each("zones", {
                "id": "{zone_id#int}", "serviceName": "domain", "status": "active",
                "name": "{zone}"})}),
            route(take, "GET", "/v2/service/{zone_id}/dns/record",
                  {"currentPage": 1, "totalPages": 1, "data": each("records", record)},
                  query={"filters?": "{text}"}),
            create("/v2/service/{zone_id}/dns/record",
                   json={"type": "TXT", "name": "{name}", "content": "{value}", "ttl": "{ttl#int}"}),
            delete("/v2/service/{zone_id}/dns/record/{id}"),
        ])


FACTS = family("https://rest.active24.cz", "ACTIVE24_API_KEY", "ACTIVE24_SECRET")
