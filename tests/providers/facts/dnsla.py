"""DNS.LA. dns.la/docs/ApiDoc: codes in the body, types are numbers, names with a final dot, pages."""

from vendor import *  # noqa: F403

NUMBERS = {"A": 1, "TXT": 16}
RECORD = {"id": "{id}", "type": "{number#int}", "host": "{name@}", "data": "{value}", "ttl": "{ttl#int}"}


def wrong(code):
    return Error(200, {"code": code, "msg": "{text}", "data": None})


def listed(server, call):
    call.found.pop("number", None)
    call.found["type"] = "TXT"
    found = server.do_list_records(call)
    for one in found["records"]:
        one["number"] = NUMBERS[one["type"]]
    return found


FACTS = Vendor(
    "https://api.dns.la/api",
    auth=basic("{DNSLA_API_ID}", "{DNSLA_API_SECRET}"), ids=texts, zone_ids=texts,
    error=wrong(400), errors={"unauthorised": wrong(401), "absent": wrong(404)},
    skip={"vanished": "what it says of a record that is not there is not known"},
    routes=[
        list_zones("/domainList", {"code": 200, "msg": "", "data": {
            "total": "{total#int}", "results": each("zones", {"id": "{zone_id}", "domain": "{zone.}",
                                                              "displayDomain": "{zone.}"})}},
                   paging=Paging("page", "pageIndex", "pageSize", usual=10, largest=100, told=False)),
        route(listed, "GET", "/recordList", {"code": 200, "msg": "", "data": {
            "total": "{total#int}", "results": each("records", RECORD)}},
              query={"domainId": "{zone_id}", "host?": "{name@}", "type?": "{number}"},
              paging=Paging("page", "pageIndex", "pageSize", usual=10, largest=100, told=False)),
        create("/record", {"code": 200, "msg": "", "data": {"id": "{id}"}},
               json={"domainId": "{zone_id}", "type": 16, "host": "{name@}", "data": "{value}",
                     "ttl": "{ttl#int}"}),
        delete("/record", {"code": 200, "msg": "", "data": None}, query={"id": "{id}"}),
    ])
