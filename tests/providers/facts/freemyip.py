"""freemyip.com/help: one TXT for a name, `null` empties it; OK or ERROR."""

from vendor import *  # noqa: F403


def write(server, call):
    for record in server.at(call.zone, call.owner, "TXT"):
        server.drop(record)
    if call.found["txt"] != "null":
        server.add(call.zone, call.owner, "TXT", call.found["txt"], 3600)
    return {}


def held(server, call):
    from server import Refusal
    if call.zone is None:
        raise Refusal("absent", "no such name")
    return write(server, call)


FACTS = Vendor(
    "https://freemyip.com",
    auth=in_query(token="{FREEMYIP_TOKEN}"), zones=("example.freemyip.com", "other.freemyip.com"), zone_ids=None,
    slot=1, foreign=False, error=Error(200, "ERROR"), errors={},
    skip={"credentials": "ERROR tells nothing", "refused": "ERROR tells nothing"},
    routes=[route(held, "GET", "/update", "OK", query={"domain": "{fqdn}", "txt": "{txt}"})])
