"""hosting.de. hosting.de/api: everything is POST, status in the body; a zone is blocked after an update."""

from vendor import *  # noqa: F403

CONFIG = {"id": "{zone_id}", "accountId": "456", "status": "active", "name": "{zone}",
          "nameUnicode": "{zone}", "type": "NATIVE", "emailAddress": "hostmaster@{zone}",
          "soaValues": {"refresh": 86400, "retry": 7200, "ttl": 172800}}
RECORD = {"id": "{id}", "zoneConfigId": "{zone_id}", "name": "{fqdn}", "type": "{type}",
          "content": "{qvalue}", "ttl": "{ttl#int}", "priority": 0, "lastChangeDate": "d"}


def answer(**response):
    return {"metadata": {"serverTransactionId": "2"}, "warnings": [], "status": "success",
            "errors": [], "response": response}


def wrong(code, text="{text}"):
    return {"errors": [{"code": code, "text": text, "details": []}], "warnings": [],
            "metadata": {"serverTransactionId": "2"}, "status": "error", "response": None}


def update(server, call):
    """The first attempt behind a change finds the zone blocked."""
    from server import Refusal
    if server.state.pop(call.zone.name, None):
        raise Refusal("blocked", "The zone is blocked")
    added, removed = call.found.pop("added"), call.found.pop("removed")
    if added:
        call.found["records"] = added
        server.do_add_value(call)
    if removed:
        call.found["records"] = removed
        server.do_remove_value(call)
    server.state[call.zone.name] = True
    call.found["records"] = []
    return {}


def family(base, key):
    found = {"limit": 1, "page": 1, "totalEntries": "{total#int}", "totalPages": 1, "type": "Find"}
    return Vendor(
        base, auth=in_body(authToken=f"{{{key}}}"), ids=texts, zone_ids=texts,
        error=Error(200, wrong(10000)),
        errors={"unauthorised": Error(200, wrong(10001, "Authentication failed")), "blocked": Error(200, wrong(10205))},
        routes=[
            list_zones("/zoneConfigsFind", answer(data=each("zones", CONFIG), **found), method="POST",
                       json={"filter": {"field": "zoneName", "value": "{zone}"},
                             "limit": "{limit#int}", "page": "{number#int}"}),
            list_records("/recordsFind", answer(data=each("records", RECORD), **found), method="POST",
                         json={"filter": {"subFilterConnective": "AND", "subFilter": [
                             {"field": "zoneConfigId", "value": "{zone_id}"},
                             {"field": "recordName", "value": "{fqdn}"}]},
                             "limit": "{limit#int}", "page": "{number#int}"}),
            route(update, "POST", "/zoneUpdate", answer(zoneConfig=CONFIG, records=[]),
                  json={"zoneConfig": CONFIG,
                        "recordsToAdd": each("added", {"name": "{fqdn}", "type": "TXT",
                                                       "content": "{anyvalue}", "ttl": "{ttl#int}"}),
                        "recordsToDelete": each("removed", {"name": "{fqdn}", "type": "TXT",
                                                            "content": "{qvalue}"})}),
        ])


FACTS = family("https://secure.hosting.de/api/dns/v1/json", "HOSTINGDE_API_KEY")
