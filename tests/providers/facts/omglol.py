"""omg.lol. api.omg.lol, lego's fixtures: names in lists end with the address, content is called data there."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "{type}", "name": "{short}", "data": "{value}", "priority": None,
          "ttl": "{ttl#int}"}
PATH = "/address/{address}/dns"
REQUEST = {"status_code": 200, "success": True}


def of(operation):
    """An address is the label before omg.lol."""
    def run(server, call):
        name = call.found["address"] + ".omg.lol"
        call.zone = next((one for one in server.zones if one.name == name), None)
        if call.zone is None:
            from server import Refusal
            raise Refusal("absent", "that address is not yours")
        call.owner = server.resolve_owner(call.zone, call.found)
        result = getattr(server, operation)(call)
        for one in (result, *result.get("records", ())):
            one["short"] = one.get("fqdn", "").removesuffix(".omg.lol")
        return result
    return run


FACTS = Vendor(
    "https://api.omg.lol",
    auth=bearer("OMGLOL_API_KEY"),
    ids=texts, zone_ids=None, zones=("foobar.omg.lol", "other.omg.lol"),
    error=Error(400, {"request": {"status_code": 400, "success": False}, "response": {"message": "{text}"}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        route(of("do_list_records"), "GET", PATH,
              {"request": REQUEST, "response": {"message": "x", "dns": each("records", RECORD)}}),
        route(of("do_create"), "POST", PATH,
              {"request": REQUEST, "response": {"message": "x", "response_received": {"data": RECORD}}},
              json={"name": "{name@}", "content": "{value}", "ttl": "{ttl#int}", "type": "TXT"}),
        route(of("do_delete"), "DELETE", PATH + "/{id}", {"request": REQUEST, "response": {"message": "x"}}),
    ])
