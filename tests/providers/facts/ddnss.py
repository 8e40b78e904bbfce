"""DDNSS. ddnss.de/info.php: one TXT for a host, told on a page for people."""

from vendor import *  # noqa: F403


def write(server, call):
    """The host is that below which _acme-challenge stands."""
    owner = "_acme-challenge." + call.owner
    for record in server.at(call.zone, owner, "TXT"):
        server.drop(record)
    if call.found["mode"] == "1":
        server.add(call.zone, owner, "TXT", call.found["txt"], 60)
    return {}


def held(server, call):
    from server import Refusal
    if call.zone is None or call.found["mode"] not in ("1", "2"):
        raise Refusal("absent", "no such host")
    return write(server, call)


FACTS = Vendor(
    "https://ddnss.de",
    auth=in_query(key="{DDNSS_KEY}"), zones=("example.ddnss.de", "other.ddnss.de"), zone_ids=None,
    slot=1, foreign=False, error=Error(200, "<p>Error Occured: {text}</p>"),
    errors={"unauthorised": Error(401, "<p>Error Occured: {text}</p>")},
    skip={"apex": "a challenge is below _acme-challenge"},
    routes=[route(held, "GET", "/upd.php", "<html><p>Updated 1 hostname.</p></html>",
                  query={"host": "{fqdn}", "txtm": "{mode}", "txt?": "{txt}"})])
