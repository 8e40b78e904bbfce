"""Abion. demo.abion.com/pmapi-doc: the zone's records by name and type; PATCH replaces those it names."""

from vendor import *  # noqa: F403

META = {"meta": {"invocationId": "95cdcc21"}}


def zone(server, call):
    records = {}
    for one in server.at(server.wanted_zone(call)):
        its = server.record_variables(one)
        records.setdefault(its["name@"], {}).setdefault(one.type, []).append(
            {"ttl": one.ttl, "rdata": one.value, "comments": one.note})
    return {"found": {"type": "zone", "id": call.zone.name, "attributes": {
        "organisationId": "10154", "slave": False, "records": records}}}


def patch(server, call):
    names = call.found["names"]
    for name, types in names.items():
        call.found.update({"name@": name})
        call.owner = server.resolve_owner(call.zone, {"name@": name})
        if list(types) != ["TXT"]:
            raise ValueError("only TXT is written")
        kept = {one.value: one for one in server.at(call.zone, call.owner, "TXT")}
        for one in kept.values():
            server.drop(one)
        for item in types["TXT"] or ():
            if item["rdata"] in kept:
                server.records.append(kept[item["rdata"]])
            else:
                server.add(call.zone, call.owner, "TXT", item["rdata"], item["ttl"])
    return zone(server, call)


FACTS = Vendor(
    "https://api.abion.com",
    auth=headers(X_API_KEY="{ABION_API_KEY}"), zone_ids=None,
    error=Error(400, {**META, "error": {"status": "{status#int}", "message": "{text}"}}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        route(zone, "GET", "/v1/zones/{zone}", {"data": "{found#json}", **META}),
        route(patch, "PATCH", "/v1/zones/{zone}", {"data": "{found#json}", **META},
              json={"data": {"type": "zone", "id": "{zone}",
                             "attributes": {"records": "{names#json}"}}}),
    ])
