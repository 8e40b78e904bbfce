"""Azion. api.azion.com, version 3: an entry holds all answers of a name and type; pages."""

from vendor import *  # noqa: F403

RRSET = {"record_id": "{number#int}", "entry": "{name@}", "record_type": "{type}", "ttl": "{ttl#int}",
         "answers_list": each("records", "{value}")}
GIVEN = {"entry": "{name@}", "record_type": "TXT", "ttl": "{ttl#int}",
         "answers_list": each("records", "{value}", least=1)}
PATH = "/intelligent_dns/{zone_id}/records"


def number(server, key):
    return server.state.setdefault(key, 7000 + len(server.state))


def listed(server, call):
    found = server.do_list_rrsets(call)
    for one in found["rrsets"]:
        one["number"] = number(server, (one["zone"], one["fqdn"], one["type"]))
    return found


def named(server, call):
    from server import Refusal
    key = next((key for key, its in server.state.items() if str(its) == call.found["number"]), None)
    if key is None:
        raise Refusal("absent", "no such record")
    if key[2] != "TXT":
        raise Refusal("invalid", "that is not TXT", fault=True)
    call.owner = key[1]


def made(server, call):
    call.options["only"] = "absent"
    return {**server.do_put_rrset(call), "number": number(server, (call.zone.name, call.owner, "TXT"))}


def changed(server, call):
    named(server, call)
    call.options["only"] = "present"
    return {**server.do_put_rrset(call), "number": int(call.found["number"])}


def removed(server, call):
    named(server, call)
    return server.do_delete_rrset(call)


FACTS = Vendor(
    "https://api.azionapi.net",
    auth=headers(Authorization="Token {AZION_PERSONAL_TOKEN}"), zone_ids=integers,
    error=Error(400, {"detail": "{text}"}), errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_zones("/intelligent_dns", {"count": "{total#int}", "total_pages": "{pages#int}",
                                        "schema_version": 3, "results": each("zones", {
                                            "id": "{zone_id#int}", "domain": "{zone}"})},
                   paging=pages(size="page_size", usual=10)),
        route(listed, "GET", PATH, {"count": "{total#int}", "total_pages": "{pages#int}",
                                    "schema_version": 3,
                                    "results": {"zone_id": "{zone_id#int}", "zone_domain": "{zone}",
                                                "records": each("rrsets", RRSET)}},
              paging=pages(size="page_size", usual=10)),
        route(made, "POST", PATH, {"results": RRSET}, status=201, json=GIVEN),
        route(changed, "PUT", PATH + "/{number}", {"results": RRSET}, json=GIVEN),
        route(removed, "DELETE", PATH + "/{number}", {}, status=200),
    ])
