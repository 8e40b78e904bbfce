"""IPv64.net. ipv64.net/dyndns_updater_api: one list of all domains and their records; forms; 'already there'."""

from vendor import *  # noqa: F403


def everything(server, call):
    result = {}
    for zone in server.zones:
        records = [{"record_id": number, "content": one.value, "ttl": one.ttl, "type": one.type,
                    "praefix": server.record_variables(one)["name"]}
                   for number, one in enumerate(server.at(zone))]
        result[zone.name] = {"updates": 0, "wildcard": 1, "records": records}
    return {"found": result}


FACTS = Vendor(
    "https://ipv64.net",
    auth=bearer("IPV64_API_KEY"), zone_ids=None, duplicates="refuse",
    error=Error(400, {"info": "error", "status": "400 Bad Request", "add_record": "{text}"}),
    errors={"unauthorised": Error(401, {"status": "401 Unauthorized", "info": "Unauthorized"}),
            "duplicate": Error(400, {"info": "error", "status": "400 Bad Request",
                                     "add_record": "dns record already there"}),
            "absent": Error(403, {"info": "error", "status": "403 Forbidden", "del_record": "{text}"})},
    skip={"vanished": "what it says of a record that is not there is not known"},
    routes=[
        route(everything, "GET", "/api", {"subdomains": "{found#json}", "info": "success",
                                          "status": "200 OK"}, query={"get_domains": ""}),
        add_value("/api", {"info": "success", "status": "201 Created", "add_record": "{zone}"}, status=201,
                  form={"add_record": "{zone}", "praefix": "{name}", "type": "TXT", "content": "{value}"}),
        remove_value("/api", {"info": "success", "status": "202 Accepted", "del_record": "del_record"},
                     status=202, form={"del_record": "{zone}", "praefix": "{name}", "type": "TXT",
                                       "content": "{value}"}),
    ])
