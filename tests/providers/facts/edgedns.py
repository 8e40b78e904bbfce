"""Akamai Edge DNS. techdocs.akamai.com: EdgeGrid signatures, RRsets with quoted rdata, POST makes, PUT changes."""

import base64
import hashlib
import hmac
import re
import urllib.parse

from vendor import *  # noqa: F403

RRSET = {"name": "{fqdn}", "type": "TXT", "ttl": "{ttl#int}", "rdata": each("records", "{qvalue}", least=1)}
PATH = "/config-dns/v2/zones/{zone}/names/{fqdn}/types/TXT"
FORM = (r"(EG1-HMAC-SHA256 client_token=([^;]*);access_token=([^;]*);"
        r"timestamp=(20260102T03:\d\d:\d\d\+0000);nonce=([^;]+);)signature=(.*)")


def mac(key, text):
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def signed(server, call, query, members):
    """Method, scheme, host, target, no headers, digest of a POST's body, and the header's beginning."""
    query.pop("accountSwitchKey", None)
    form = re.fullmatch(FORM, call.headers.get("authorization", ""))
    if form is None:
        return "no EdgeGrid signature"
    claim, client, access, stamp, nonce, signature = form.groups()
    url = urllib.parse.urlsplit(call.url)
    digest = base64.b64encode(hashlib.sha256(call.body.encode()).digest()).decode()
    text = "\t".join((call.method, url.scheme, url.netloc,
                      url.path + ("?" + url.query if url.query else ""), "",
                      digest if call.method == "POST" and call.body else "", claim))
    if (client, access) != (server.credentials["AKAMAI_CLIENT_TOKEN"],
                            server.credentials["AKAMAI_ACCESS_TOKEN"]):
        return "unknown token"
    wanted = mac(mac(server.credentials["AKAMAI_CLIENT_SECRET"], stamp), text)
    return None if signature == wanted else "The signature does not match"


FACTS = Vendor(
    "https://akab-host.luna.akamaiapis.net",
    auth=Auth(signed=signed, also=("AKAMAI_CLIENT_TOKEN", "AKAMAI_CLIENT_SECRET", "AKAMAI_ACCESS_TOKEN")),
    settings={"host": "akab-host.luna.akamaiapis.net"}, zone_ids=None,
    error=Error(422, {"type": "about:blank", "title": "Unprocessable", "detail": "{text}",
                      "status": "{status#int}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        get_zone("/config-dns/v2/zones/{zone}", {"zone": "{zone}", "type": "PRIMARY",
                                                 "activationState": "ACTIVE"}),
        get_rrset(PATH, RRSET),
        put_rrset(PATH, RRSET, method="POST", only="absent", json=RRSET, status=201),
        put_rrset(PATH, RRSET, only="present", json=RRSET),
        delete_rrset(PATH),
    ])
