"""Hurricane Electric. dns.he.net: a dynamic TXT record and its key; a word tells how it went."""

from vendor import *  # noqa: F403


def write(server, call):
    from server import Refusal
    if call.zone is None:
        raise Refusal("absent", "nohost")
    for record in server.at(call.zone, call.owner, "TXT"):
        server.drop(record)
    if call.found["txt"] != ".":
        server.add(call.zone, call.owner, "TXT", call.found["txt"], 300)
    return {}


def signed(server, call, query, members):
    """The password is that of the name: NAME:KEY pairs in the setting."""
    pairs = dict(one.split(":") for one in server.credentials["HURRICANE_TOKENS"].split(","))
    given = members.pop("password", None)
    owner = members.get("hostname", "")
    good = [key for name, key in pairs.items() if owner == name or owner.endswith("." + name)]
    return None if given in good else "badauth"


FACTS = Vendor(
    "https://dyn.dns.he.net",
    auth=Auth(signed=signed, also=("HURRICANE_TOKENS",)), zone_ids=None,
    values={"HURRICANE_TOKENS": "example.org:sesame-one,apex.example.net:sesame-two"},
    slot=1, foreign=False, error=Error(200, "{text}"),
    errors={"unauthorised": Error(200, "badauth"), "absent": Error(200, "nohost")},
    skip={"strangers": "without a key there is no request",
          "credentials": "the key of one name is wrong, of others right"},
    routes=[route(write, "POST", "/nic/update", "good \"{txt}\"",
                  form={"hostname": "{fqdn}", "txt": "{txt}"})])
