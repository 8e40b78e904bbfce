"""Tokens and TSIG keys made at run time: every door, and what survives."""

import base64
import json
import subprocess

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from dns01d import Dns01d
from dnsask import ask, texts

ZONE = "auth.example.test"


def make_server(folder):
    made = Dns01d(folder)
    made.config["api"]["limits"] = {"registrations": 0, "auth-failures": 0}
    made.token("admin", "secret-of-token-admin", verbs=["admin"])
    made.token("configured." + ZONE, "secret-of-token-configured", names=["**"])
    made.tsig_key("configured-key", b"k" * 32, names=["**"])
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with make_server(tmp_path_factory.mktemp("tokens")) as made:
        yield made


@pytest.fixture
def own_server(tmp_path):
    with make_server(tmp_path) as made:
        yield made


def admin(server, method, path, body=None):
    return server.request(method, path, body, token="admin")


def make(server, name, **wishes):
    reply = admin(server, "POST", "/v1/tokens", {"name": f"{name}.{ZONE}", **wishes})
    assert reply.status == 201, reply.text
    return reply.json()


def bearer(token):
    return {"Authorization": f"Bearer {token['secret']}"}


def basic(token):
    pair = f"{token['name']}:{token['secret']}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def owner_name(token):
    return "_acme-challenge." + token["name"]


def present(server, credential, name, value="v1", **more):
    return server.request("POST", "/v1/challenges", {"name": name, "value": value, **more},
                          headers=credential).status


def served(server, name):
    return texts(ask((server.address, server.dns_port), name))


def key_of(token, secret=None):
    return dns.tsig.Key(dns.name.from_text(token["name"]),
                        base64.b64decode(secret or token.get("tsig_secret") or token["secret"]),
                        dns.name.from_text(token["algorithm"]))


def update(server, key, name, value):
    """The RCODE of an UPDATE that adds a value."""
    message = dns.update.Update(ZONE)
    message.use_tsig(key)
    message.add(dns.name.from_text(name), 60, "TXT", value)
    return dns.rcode.to_text(
        dns.query.udp(message, server.address, port=server.dns_port, timeout=10).rcode())


def test_what_is_shown(server):
    token = make(server, "shown", lease="7d", quota=5)
    assert {key: token[key] for key in ("name", "names", "owners", "verbs", "lease", "quota",
                                        "algorithm", "source")} == {
        "name": f"shown.{ZONE}", "names": [f"shown.{ZONE}"], "owners": [],
        "verbs": ["present", "cleanup", "read"], "lease": "7d", "quota": 5,
        "algorithm": "hmac-sha256", "source": "store"}
    assert len(token["secret"]) == 43 and len(base64.b64decode(token["tsig_secret"])) == 32
    shown = admin(server, "GET", f"/v1/tokens/{token['name']}")
    assert "secret" not in shown.text
    assert shown.json() == {key: value for key, value in token.items()
                            if key not in ("secret", "tsig_secret")}
    for path, key in (("/v1/tokens", "tokens"), ("/v1/tsig-keys", "tsig_keys")):
        reply = admin(server, "GET", path)
        assert token["secret"] not in reply.text and token["tsig_secret"] not in reply.text
        names = [row["name"] for row in reply.json()[key]]
        assert token["name"] in names and names == sorted(names)
    keys = {row["name"]: row for row in admin(server, "GET", "/v1/tsig-keys").json()["tsig_keys"]}
    assert keys[token["name"]]["owner"] == "token:" + token["name"]
    assert keys["configured-key"]["source"] == "configuration"
    assert keys["configured-key"]["algorithm"] == "hmac-sha256"


@pytest.mark.parametrize("credential", [bearer, basic])
def test_the_native_api(server, credential):
    token = make(server, credential.__name__)
    name = owner_name(token)
    offer = credential(token)
    assert present(server, offer, name) == 201
    assert served(server, name) == {b"v1"}
    listed = server.request("GET", "/v1/challenges", headers=offer).json()["challenges"]
    assert [(row["name"], row["owner"]) for row in listed] == [(name, "token:" + token["name"])]
    assert present(server, offer, f"_acme-challenge.other.{ZONE}") == 403
    assert present(server, offer, f"_acme-challenge.x.{token['name']}") == 403
    assert present(server, offer, token["name"]) == 403
    assert server.request("GET", "/v1/tokens", headers=offer).status == 403
    assert server.request("POST", "/register", headers=offer).status == 401
    query = f"/v1/challenges?name={name}&value=v1"
    assert server.request("DELETE", query, headers=offer).status == 200
    assert served(server, name) == set()


@pytest.mark.parametrize("credential", [bearer, basic])
def test_httpreq(server, credential):
    token = make(server, "httpreq-" + credential.__name__)
    body = {"fqdn": owner_name(token) + ".", "value": "v1"}
    offer = credential(token)
    assert server.request("POST", "/present", body, headers=offer).status == 200
    assert served(server, owner_name(token)) == {b"v1"}
    assert server.request("POST", "/present", {**body, "fqdn": f"_acme-challenge.no.{ZONE}."},
                          headers=offer).status == 403
    assert server.request("POST", "/cleanup", body, headers=offer).status == 200
    assert served(server, owner_name(token)) == set()


def test_update(server):
    token = make(server, "tsig")
    key = key_of(token)
    assert update(server, key, owner_name(token), "v1") == "NOERROR"
    assert served(server, owner_name(token)) == {b"v1"}
    assert update(server, key, f"_acme-challenge.other.{ZONE}", "v1") == "REFUSED"
    assert update(server, key, token["name"], "v1") == "REFUSED"
    # What it presented by one door it may clean up by another: it is one owner.
    query = f"/v1/challenges?name={owner_name(token)}&value=v1"
    assert server.request("DELETE", query, headers=bearer(token)).status == 200
    assert served(server, owner_name(token)) == set()


def nsupdate(server, key, *commands):
    script = "\n".join([f"server {server.address} {server.dns_port}", *commands, "send", ""])
    done = subprocess.run(["nsupdate", "-y", key], input=script, capture_output=True, text=True,
                          timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def test_nsupdate(server):
    token = make(server, "nsupdate")
    key = f"{token['algorithm']}:{token['name']}:{token['tsig_secret']}"
    status, said = nsupdate(server, key, f"zone {ZONE}.",
                            f"update add {owner_name(token)}. 60 TXT v1")
    assert status == 0, said
    assert served(server, owner_name(token)) == {b"v1"}
    status, said = nsupdate(server, key, f"zone {ZONE}.",
                            f"update add _acme-challenge.wrong.{ZONE}. 60 TXT v1")
    assert status != 0 and "REFUSED" in said
    wrong = base64.b64encode(b"w" * 32).decode()
    status, said = nsupdate(server, f"hmac-sha256:{token['name']}:{wrong}", f"zone {ZONE}.",
                            f"update add {owner_name(token)}. 60 TXT v2")
    assert status != 0 and "NOTAUTH" in said


def test_its_name_is_known(server):
    where = (server.address, server.dns_port)
    assert ask(where, f"_acme-challenge.unborn.{ZONE}").rcode() == dns.rcode.NXDOMAIN
    make(server, "unborn")
    assert ask(where, f"_acme-challenge.unborn.{ZONE}").rcode() == dns.rcode.NOERROR


def test_lease_and_quota(server):
    token = make(server, "limited", lease="2h", quota=2)
    name = owner_name(token)
    reply = server.request("POST", "/v1/challenges", {"name": name, "value": "v1"},
                           headers=bearer(token)).json()
    row = [row for row in admin(server, "GET", "/v1/challenges").json()["challenges"]
           if row["name"] == name][0]
    assert row["expires"] == reply["expires"]
    hours = int(row["expires"][11:13]) - int(row["created"][11:13])
    assert hours % 24 == 2
    assert present(server, bearer(token), name, "v2", lease="3h") == 400
    assert present(server, bearer(token), name, "v2", lease="1h") == 201
    reply = server.request("POST", "/v1/challenges", {"name": name, "value": "v3"},
                           headers=bearer(token))
    assert (reply.status, reply.json()["error"]) == (409, "quota-reached")
    assert update(server, key_of(token), name, "v3") == "REFUSED"
    assert present(server, bearer(token), name, "v1") == 200
    assert admin(server, "POST", "/v1/tokens", {"name": "x.test", "lease": "31d"}).status == 400


def test_verbs(server):
    token = make(server, "adder", verbs=["present"])
    assert present(server, bearer(token), owner_name(token)) == 201
    assert server.request("GET", "/v1/challenges", headers=bearer(token)).status == 403
    enrol = make(server, "enrol", verbs=["register"], names=[])
    assert server.request("POST", "/register", headers=bearer(enrol)).status == 201
    assert present(server, bearer(enrol), owner_name(enrol)) == 403


def test_owner_names(server):
    token = make(server, "target", owners=["x7." + ZONE])
    assert present(server, bearer(token), "x7." + ZONE) == 201
    assert present(server, bearer(token), "x8." + ZONE) == 403


def test_names_are_taken_once(server):
    make(server, "twice")
    for name in (f"twice.{ZONE}", f"TWICE.{ZONE}.", f"configured.{ZONE}"):
        reply = admin(server, "POST", "/v1/tokens", {"name": name})
        assert (reply.status, reply.json()["error"]) == (409, "exists")
    assert "configuration" in reply.json()["detail"]
    body = {"name": "configured-key", "names": ["**"]}
    assert admin(server, "POST", "/v1/tsig-keys", body).status == 409
    assert admin(server, "DELETE", f"/v1/tokens/configured.{ZONE}").status == 409
    assert admin(server, "DELETE", f"/v1/tokens/nobody.{ZONE}").status == 404


def test_rotation(server):
    token = make(server, "rotated")
    assert present(server, bearer(token), owner_name(token)) == 201
    fresh = admin(server, "POST", f"/v1/tokens/{token['name']}/rotate").json()
    assert fresh["secret"] != token["secret"] and fresh["tsig_secret"] != token["tsig_secret"]
    for offer in (bearer, basic):
        assert present(server, offer(token), owner_name(token), "v2") == 401
        assert present(server, offer(fresh), owner_name(token), "v2") in (200, 201)
    with pytest.raises(dns.tsig.PeerBadSignature):
        update(server, key_of(token), owner_name(token), "v3")
    assert update(server, key_of(fresh), owner_name(token), "v3") == "NOERROR"
    assert served(server, owner_name(token)) == {b"v1", b"v2", b"v3"}


def test_removal(server):
    token = make(server, "removed")
    assert present(server, bearer(token), owner_name(token)) == 201
    reply = admin(server, "DELETE", f"/v1/tokens/{token['name']}")
    assert reply.json() == {"name": token["name"], "removed": True}
    for offer in (bearer, basic):
        assert present(server, offer(token), owner_name(token), "v2") == 401
    with pytest.raises(dns.tsig.PeerBadKey):
        update(server, key_of(token), owner_name(token), "v2")
    assert served(server, owner_name(token)) == {b"v1"}  # Until its lease ends.
    again = make(server, "removed")
    query = f"/v1/challenges?name={owner_name(token)}&value=v1"
    assert server.request("DELETE", query, headers=bearer(again)).status == 200
    assert served(server, owner_name(token)) == set()


def test_tsig_keys(server):
    body = {"name": "certbot", "names": [f"host.{ZONE}"], "algorithm": "hmac-sha512"}
    made = admin(server, "POST", "/v1/tsig-keys", body)
    assert made.status == 201
    key = made.json()
    assert len(base64.b64decode(key["secret"])) == 64 and "tsig_secret" not in key
    name = f"_acme-challenge.host.{ZONE}"
    assert update(server, key_of(key), name, "v1") == "NOERROR"
    assert update(server, key_of(key), f"_acme-challenge.no.{ZONE}", "v1") == "REFUSED"
    fresh = admin(server, "POST", "/v1/tsig-keys/certbot/rotate").json()
    with pytest.raises(dns.tsig.PeerBadSignature):
        update(server, key_of(key), name, "v2")
    assert update(server, key_of(fresh), name, "v2") == "NOERROR"
    assert served(server, name) == {b"v1", b"v2"}
    assert admin(server, "DELETE", "/v1/tsig-keys/certbot").status == 200
    with pytest.raises(dns.tsig.PeerBadKey):
        update(server, key_of(fresh), name, "v3")
    assert admin(server, "POST", "/v1/tsig-keys", {**body, "algorithm": "hmac-md5"}).status == 400
    assert admin(server, "POST", "/v1/tsig-keys", {"name": "nothing"}).status == 400


def test_a_crash_loses_nothing(own_server):
    server = own_server
    token = make(server, "kept", lease="2h", quota=3)
    gone = make(server, "gone")
    rotated = make(server, "turned")
    assert present(server, bearer(token), owner_name(token)) == 201
    admin(server, "DELETE", f"/v1/tokens/{gone['name']}")
    fresh = admin(server, "POST", f"/v1/tokens/{rotated['name']}/rotate").json()
    shown = admin(server, "GET", "/v1/tokens").json()
    server.kill()
    server.start()
    assert admin(server, "GET", "/v1/tokens").json() == shown
    assert served(server, owner_name(token)) == {b"v1"}
    assert present(server, bearer(token), owner_name(token), "v2") == 201
    assert update(server, key_of(token), owner_name(token), "v3") == "NOERROR"
    assert present(server, bearer(token), owner_name(token), "v4") == 409
    assert present(server, basic(gone), owner_name(gone)) == 401
    assert present(server, bearer(rotated), owner_name(rotated)) == 401
    assert present(server, bearer(fresh), owner_name(rotated)) == 201


def test_a_configured_name_wins(own_server):
    server = own_server
    token = make(server, "later")
    server.token(token["name"], "secret-of-the-configured-one", names=["**"])
    reply = admin_reload(server)
    assert reply.status == 200
    assert present(server, bearer(token), owner_name(token)) == 401
    assert update(server, key_of(token), owner_name(token), "v1") == "REFUSED"
    rows = [row for row in admin(server, "GET", "/v1/tokens").json()["tokens"]
            if row["name"] == token["name"]]
    assert sorted((row["source"], row.get("hidden", False)) for row in rows) == [
        ("configuration", False), ("store", True)]
    server.config["tokens"].pop()
    assert admin_reload(server).status == 200
    assert present(server, bearer(token), owner_name(token)) == 201
    assert update(server, key_of(token), owner_name(token), "v2") == "NOERROR"


def admin_reload(server):
    server.write_config()
    return admin(server, "POST", "/v1/reload")


def control(server, *arguments):
    return subprocess.run([server.build / "dns01ctl", "--socket", server.state / "control.sock",
                           *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_dns01ctl_token(server):
    name = f"ctl.{ZONE}"
    made = control(server, "token", "new", "--name", name, "--lease", "7d", "--quota", "9")
    assert made.returncode == 0, made.stderr
    lines = dict(line.split(None, 1) for line in made.stdout.splitlines()[:2])
    token = {"name": name, "secret": lines["secret"]}
    assert f"HTTPREQ_PASSWORD={token['secret']}" in made.stdout
    assert present(server, basic(token), f"_acme-challenge.{name}") == 201
    assert present(server, bearer(token), f"_acme-challenge.no.{ZONE}") == 403
    listed = json.loads(control(server, "--json", "token", "list").stdout)["tokens"]
    row = [row for row in listed if row["name"] == name][0]
    assert (row["lease"], row["quota"], row["names"]) == ("7d", 9, [name])
    assert name in control(server, "token").stdout
    assert "7d" in control(server, "token", "show", name).stdout
    fresh = json.loads(control(server, "token", "rotate", name, "--json").stdout)
    assert present(server, bearer(token), f"_acme-challenge.{name}") == 401
    assert present(server, bearer(fresh), f"_acme-challenge.{name}") == 200
    again = control(server, "token", "new", name)
    assert again.returncode == 1 and "already" in again.stderr
    assert control(server, "token", "remove", name).returncode == 0
    assert present(server, bearer(fresh), f"_acme-challenge.{name}") == 401
    assert control(server, "token", "remove", name).returncode == 1
    assert control(server, "token", "new").returncode == 2


def test_dns01ctl_tsig(server, tmp_path):
    name = f"_acme-challenge.keyed.{ZONE}"
    made = control(server, "tsig", "new", "--name", "ctl-key", "--names", f"keyed.{ZONE}")
    assert made.returncode == 0, made.stderr
    # The lines to paste, as nsupdate reads them.
    clause = made.stdout[made.stdout.index('key "ctl-key"'):made.stdout.index("\n};") + 4]
    key_file = tmp_path / "ctl.key"
    key_file.write_text(clause)
    script = (f"server {server.address} {server.dns_port}\nzone {ZONE}.\n"
              f"update add {name}. 60 TXT v1\nsend\n")
    done = subprocess.run(["nsupdate", "-k", key_file], input=script, capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert served(server, name) == {b"v1"}
    argument = [line.split("-y ")[1] for line in made.stdout.splitlines() if "-y " in line][0]
    status, said = nsupdate(server, argument, f"zone {ZONE}.", f"update add {name}. 60 TXT v2")
    assert status == 0, said
    rows = json.loads(control(server, "--json", "tsig").stdout)["tsig_keys"]
    assert "ctl-key" in [row["name"] for row in rows]
    assert control(server, "tsig", "delete", "ctl-key").returncode == 0
    status, said = nsupdate(server, argument, f"zone {ZONE}.", f"update add {name}. 60 TXT v3")
    assert status != 0 and "NOTAUTH" in said


def test_a_tokens_key_goes_with_its_token(server):
    token = make(server, "both")
    shown = admin(server, "GET", f"/v1/tsig-keys/{token['name']}").json()
    assert shown["owner"] == "token:" + token["name"]
    reply = admin(server, "DELETE", f"/v1/tsig-keys/{token['name']}")
    assert reply.status == 409 and "token" in reply.json()["detail"]


def test_the_store_holds_no_secret_of_http(own_server):
    token = make(own_server, "hashed")
    own_server.stop()
    data = b"".join(path.read_bytes() for path in own_server.state.glob("dns01d.db*"))
    assert token["secret"].encode() not in data
    assert base64.b64decode(token["secret"] + "=", "-_") not in data
    assert base64.b64decode(token["tsig_secret"]) in data
    assert (own_server.state / "dns01d.db").stat().st_mode & 0o777 == 0o600
    own_server.start()
