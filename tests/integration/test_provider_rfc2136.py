"""The provider type rfc2136 against Knot and BIND: real servers that take UPDATE with TSIG."""

import base64
import os
import urllib.parse

import pytest

from dns01d import Dns01d
from dnsask import answers, ask, texts
from program import Program, free_address, free_port, wait_until

ZONE = "example.test"
SECRET = base64.b64encode(b"a-secret-of-thirty-two-octets-ab").decode()
ZONE_FILE = f"""$ORIGIN {ZONE}.
$TTL 60
@ SOA ns1 hostmaster 1 60 60 600 60
@ NS ns1
ns1 A 192.0.2.1
_acme-challenge.held TXT "of somebody else"
_acme-challenge.held CAA 0 issue "ca.example.net"
"""

KNOT = """
server:
    listen: {address}@{port}
    rundir: {folder}
database:
    storage: {folder}
key:
  - id: dns01d
    algorithm: {algorithm}
    secret: {secret}
acl:
  - id: update
    key: dns01d
    action: update
zone:
  - domain: {zone}
    storage: {folder}
    file: zone
    acl: update
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"""

BIND = """
options {{directory "{folder}"; listen-on port {port} {{{address};}}; listen-on-v6 {{none;}};
  pid-file none; session-keyfile "{folder}/session"; recursion no; notify no; dnssec-validation no;
  max-journal-size unlimited;}};
controls {{}};
key dns01d {{algorithm {algorithm}; secret "{secret}";}};
zone "{zone}" {{type primary; file "zone"; update-policy {{grant dns01d zonesub TXT;}};}};
"""


@pytest.fixture(params=["knot-hmac-sha256", "knot-hmac-sha512", "bind-hmac-sha256", "bind-hmac-sha384"])
def primary(request, tmp_path):
    """(server, algorithm) of a primary server with the zone."""
    kind, algorithm = request.param.split("-", 1)
    folder = tmp_path / "primary"
    folder.mkdir()
    (folder / "zone").write_text(ZONE_FILE)
    # BIND listens only where an interface has the address.
    address = free_address() if kind == "knot" else "127.0.0.1"
    port = free_port(address)
    text = (KNOT if kind == "knot" else BIND).format(
        address=address, port=port, folder=folder, zone=ZONE, secret=SECRET, algorithm=algorithm)
    (folder / "conf").write_text(text)
    command = (["knotd", "-c", str(folder / "conf")] if kind == "knot"
               else ["named", "-g", "-c", str(folder / "conf"), "-u", "root"])
    if kind == "bind" and os.geteuid() != 0:
        command = command[:-2]
    program = Program(kind, command, folder)
    try:
        wait_until(lambda: answers((address, port), ZONE), 20, f"an answer of {kind}", program)
        yield f"{address}:{port}", algorithm
    finally:
        program.stop()


def values(server, label):
    address, port = server.rsplit(":", 1)
    found = texts(ask((address, int(port)), f"_acme-challenge.{label}.{ZONE}", "TXT"))
    return {value.decode() for value in found}


@pytest.fixture
def make(tmp_path):
    started = []

    def make_server(server, algorithm, secret=SECRET):
        (tmp_path / "secret").write_text(secret + "\n")
        made = Dns01d(tmp_path / "dns01d", {
            "providers": {"primary": {
                "type": "rfc2136", "nameserver": server, "tsig-key": "dns01d.",
                "tsig-algorithm": algorithm, "tsig-secret-file": str(tmp_path / "secret"),
                "allow-networks": ["127.0.0.0/8"], "look": False}},
            "routes": [{"under": ZONE, "provider": "primary"}],
        })
        made.token("t", "a-secret-of-the-token", names=["**"])
        started.append(made)
        return made.start()

    yield make_server
    for made in started:
        if made.process is not None:
            made.process.stop()


def present(made, label, value):
    return made.request("POST", "/v1/challenges", token="t",
                        body={"name": f"_acme-challenge.{label}.{ZONE}", "value": value})


def cleanup(made, label, value):
    query = urllib.parse.urlencode({"name": f"_acme-challenge.{label}.{ZONE}", "value": value})
    return made.request("DELETE", f"/v1/challenges?{query}", token="t")


def test_values_come_and_go_one_by_one(primary, make):
    server, algorithm = primary
    made = make(server, algorithm)
    assert present(made, "www", "one").status == 201
    assert present(made, "www", "one").status == 200
    assert present(made, "www", "two").status == 201
    assert values(server, "www") == {"one", "two"}
    assert cleanup(made, "www", "one").status == 200
    assert cleanup(made, "www", "one").status == 200
    assert values(server, "www") == {"two"}
    assert cleanup(made, "www", "two").status == 200
    assert values(server, "www") == set()


def test_what_is_of_others_stays(primary, make):
    server, algorithm = primary
    made = make(server, algorithm)
    assert present(made, "held", "ours").status == 201
    assert values(server, "held") == {"of somebody else", "ours"}
    assert cleanup(made, "held", "ours").status == 200
    assert values(server, "held") == {"of somebody else"}


def test_a_wrong_key_is_told(primary, make):
    server, algorithm = primary
    made = make(server, algorithm, base64.b64encode(b"another-secret-of-thirty-two-oct").decode())
    reply = present(made, "www", "one")
    assert reply.status == 502
    assert "BADSIG" in reply.text
    assert values(server, "www") == set()
