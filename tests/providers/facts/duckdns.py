"""Duck DNS. duckdns.org/spec.jsp: one TXT for the name and all below it; OK or KO."""

from vendor import *  # noqa: F403


def write(server, call):
    """Names below share it; it is kept at the name that the tests look at."""
    from server import Refusal
    zone = next((one for one in server.zones if one.name == call.found["main"]), None)
    if zone is None:
        raise Refusal("absent", "KO")
    owner = "_acme-challenge.www." + zone.name
    for record in server.at(zone, owner, "TXT"):
        server.drop(record)
    if call.found["txt"]:
        server.add(zone, owner, "TXT", call.found["txt"], 60)
    return {}


FACTS = Vendor(
    "https://www.duckdns.org",
    auth=in_query(token="{DUCKDNS_TOKEN}"), zones=("example.duckdns.org", "other.duckdns.org"), zone_ids=None,
    slot=1, foreign=False,
    error=Error(200, "KO"), errors={},
    skip={"top": "one TXT for all names", "alone": "one TXT for all names",
          "apex": "one TXT for all names", "credentials": "KO tells nothing",
          "refused": "KO tells nothing"},
    routes=[
        route(write, "GET", "/update", "OK",
              query={"domains": "{main}", "txt": "{txt}", "clear?": "true"}),
    ])
