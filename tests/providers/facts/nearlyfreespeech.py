"""NearlyFreeSpeech.NET. members.nearlyfreespeech.net/wiki/API (DNS), lego, dns-lexicon: each request is signed with a salt."""

from vendor import *  # noqa: F403

FORM = {"name": "{name}", "type": "TXT"}
RECORD = {"name": "{name}", "type": "{type}", "data": "{value}", "ttl": "{ttl#int}", "scope": "member"}


def signed(server, call, query, members):
    """login;time;salt;SHA-1 of these, the key, the path and the body's SHA-1. A salt counts once."""
    parts = call.headers.get("x-nfsn-authentication", "").split(";")
    if len(parts) != 4 or not re.fullmatch("[A-Za-z0-9]{16}", parts[2]) or not parts[1].isdigit():
        return "not of the form login;time;salt;hash"
    body = hashlib.sha1(call.body.encode()).hexdigest()
    text = ";".join((server.credentials["NEARLYFREESPEECH_LOGIN"], *parts[1:3],
                     server.credentials["NEARLYFREESPEECH_API_KEY"],
                     urllib.parse.urlsplit(call.url).path, body))
    good = (server.credentials["NEARLYFREESPEECH_LOGIN"], hashlib.sha1(text.encode()).hexdigest())
    return None if (parts[0], parts[3]) == good else "the hash is wrong"


FACTS = Vendor(
    "https://api.nearlyfreespeech.net",
    auth=Auth(signed=signed, also=("NEARLYFREESPEECH_LOGIN", "NEARLYFREESPEECH_API_KEY")),
    zone_ids=None,
    error=Error(400, {"error": "{text}", "debug": "x"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records("/dns/{zone}/listRRs", each("records", RECORD), method="POST",
                     form={"name?": "{name}", "type?": "{type}", "data?": "{value}"}),
        add_value("/dns/{zone}/addRR", {}, status=200, form={**FORM, "data": "{value}", "ttl?": "{ttl}"}),
        remove_value("/dns/{zone}/removeRR", {}, method="POST", status=200, form={**FORM, "data": "{value}"}),
    ])
