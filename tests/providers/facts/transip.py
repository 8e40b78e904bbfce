"""TransIP. api.transip.nl/rest/docs.html: a signed login; entries without ids, removed as they stand."""

import base64
import functools
import pathlib
import subprocess
import tempfile

from server import Refusal
from vendor import *  # noqa: F403

ENTRY = {"name": "{name@}", "expire": "{ttl#int}", "type": "{type}", "content": "{value}"}


@functools.cache
def key():
    return subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                          check=True, capture_output=True, text=True).stdout


def signed_login(server, call):
    """Signature: base64 of RSA PKCS #1 v1.5 with SHA-512 over the body."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: pathlib.Path(folder) / name for name in ("key", "body", "signature")}
        paths["key"].write_text(server.credentials["TRANSIP_PRIVATE_KEY"])
        paths["body"].write_text(call.body)
        paths["signature"].write_bytes(base64.b64decode(call.headers.get("signature", "")))
        done = subprocess.run(["openssl", "dgst", "-sha512", "-prverify", paths["key"], "-signature",
                               paths["signature"], paths["body"]], capture_output=True)
    if done.returncode != 0:
        raise Refusal("unauthorised", "The signature does not match", fault=True)
    return server.do_login(call)


FACTS = Vendor(
    "https://api.transip.nl/v6",
    auth=token("TRANSIP_ACCOUNT_NAME", "TRANSIP_PRIVATE_KEY"),
    values={"TRANSIP_PRIVATE_KEY": key()},
    zone_ids=None, ttl=(60, 86400), duplicates="refuse",
    error=Error(400, {"error": "{text}"}),
    errors={"absent": 404, "unauthorised": 401, "duplicate": Error(406, {"error": "DNS entry exists"})},
    skip={"raced": "which words it uses for an entry that exists is not known",
          "credentials": "letters changed in a PEM key make none, which is told as such"},
    routes=[
        route(signed_login, "POST", "/auth", {"token": "{token}"}, status=201, auth=False,
              json={"login": "{TRANSIP_ACCOUNT_NAME}", "nonce": "{nonce}", "read_only": False,
                    "expiration_time": "30 minutes", "global_key": True}),
        get_zone("/domains/{zone}", {"domain": {"name": "{zone}", "isDnsOnly": False}}),
        list_records("/domains/{zone}/dns", {"dnsEntries": each("records", ENTRY)}),
        add_value("/domains/{zone}/dns", None, method="POST", status=201, json={"dnsEntry": ENTRY}),
        remove_value("/domains/{zone}/dns", None, method="DELETE", json={"dnsEntry": ENTRY}),
    ])
