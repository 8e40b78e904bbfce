"""Administration of acme-dns accounts and the list of tokens, over the API and with dns01ctl."""

import json
import subprocess

import pytest

from dns01d import Dns01d
from dnsask import ask, texts

TXT = "-oqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Dns01d(tmp_path_factory.mktemp("accounts"))
    made.config["api"].update(registration="open",
                              limits={"registrations": 0, "auth-failures": 0})
    made.token("admin", "secret-of-token-admin", verbs=["admin"])
    made.token("all", "secret-of-token-all", owners=["**.auth.example.test"],
               names=["*.example.test", "a.test"])
    with made:
        yield made


@pytest.fixture
def account(server):
    reply = server.request("POST", "/register")
    assert reply.status == 201
    return reply.json()


def update(server, account, password=None):
    return server.request("POST", "/update", {"subdomain": account["subdomain"], "txt": TXT},
                          headers={"X-Api-User": account["username"],
                                   "X-Api-Key": password or account["password"]}).status


def admin(server, method, path, body=None):
    return server.request(method, path, body, token="admin")


def served(server, account):
    return texts(ask((server.address, server.dns_port), account["fulldomain"]))


def control(server, *arguments):
    return subprocess.run(
        [server.build / "dns01ctl", "--socket", server.state / "control.sock", *arguments],
        capture_output=True, text=True, timeout=30, check=False)


def usernames(server):
    return [row["username"] for row in admin(server, "GET", "/v1/accounts").json()["accounts"]]


def test_list(server, account):
    listed = usernames(server)
    assert account["username"] in listed
    assert listed == sorted(listed)
    one = admin(server, "GET", f"/v1/accounts/{account['username']}").json()
    assert one.pop("created")
    assert one == {key: account[key] for key in ("username", "fulldomain", "subdomain",
                                                  "allowfrom")}
    after = admin(server, "GET", f"/v1/accounts?after={listed[0]}").json()["accounts"]
    assert [row["username"] for row in after] == listed[1:]


def test_nobody_else(server, account):
    path = f"/v1/accounts/{account['username']}"
    for method, where in (("GET", "/v1/accounts"), ("GET", path), ("DELETE", path),
                          ("PATCH", path), ("POST", path + "/rotate"), ("GET", "/v1/tokens")):
        assert server.request(method, where, token="all").status == 403
        assert server.request(method, where).status == 401
    assert admin(server, "DELETE", f"/v1/accounts/{NOBODY}").status == 404
    assert update(server, account) == 200


def test_rotate_survives_a_restart(server, account):
    assert update(server, account) == 200
    reply = admin(server, "POST", f"/v1/accounts/{account['username']}/rotate")
    assert reply.status == 200
    password = reply.json()["password"]
    for _ in range(2):
        assert update(server, account) == 401
        assert update(server, account, password) == 200
        assert served(server, account) == {TXT.encode()}
        server.stop()
        server.start()


def test_allowfrom(server, account):
    path = f"/v1/accounts/{account['username']}"
    reply = admin(server, "PATCH", path, {"allowfrom": ["192.0.2.0/24"]})
    assert (reply.status, reply.json()["allowfrom"]) == (200, ["192.0.2.0/24"])
    assert update(server, account) == 401
    assert admin(server, "PATCH", path, {"allowfrom": ["nonsense"]}).status == 400
    assert admin(server, "PATCH", path, {"allowfrom": ["127.0.0.0/8"]}).status == 200
    assert update(server, account) == 200
    assert admin(server, "PATCH", path, {"allowfrom": []}).json()["allowfrom"] == []


def test_delete(server, account):
    assert update(server, account) == 200
    assert served(server, account) == {TXT.encode()}
    reply = admin(server, "DELETE", f"/v1/accounts/{account['username']}")
    assert reply.json() == {"username": account["username"], "deleted": True}
    assert served(server, account) == set()
    answer = ask((server.address, server.dns_port), account["fulldomain"])
    assert answer.rcode() == 0  # Known for a while: NODATA.
    assert update(server, account) == 401
    assert account["username"] not in usernames(server)
    events = [event["event"] for event in server.timeline(account["fulldomain"], "admin")]
    assert "removed" in events
    server.stop()
    server.start()
    assert account["username"] not in usernames(server)
    assert served(server, account) == set()


def test_tokens(server):
    reply = admin(server, "GET", "/v1/tokens")
    rest = {"lease": None, "quota": None, "algorithm": None, "source": "configuration"}
    assert reply.json() == {"tokens": [
        {"name": "admin", "names": [], "owners": [], "verbs": ["admin"], **rest},
        {"name": "all", "names": ["a.test", "*.example.test"],
         "owners": ["**.auth.example.test"], "verbs": ["present", "cleanup", "read"], **rest}]}
    assert "secret" not in reply.text


def test_dns01ctl(server, account):
    shown = control(server, "accounts")
    assert shown.returncode == 0
    assert account["username"] in shown.stdout and account["fulldomain"] in shown.stdout
    rows = json.loads(control(server, "--json", "accounts", "list").stdout)["accounts"]
    assert account["username"] in [row["username"] for row in rows]
    done = control(server, "accounts", "allow", account["username"], "192.0.2.0/24,10.0.0.0/8")
    assert "192.0.2.0/24 10.0.0.0/8" in done.stdout
    assert update(server, account) == 401
    assert control(server, "accounts", "allow", account["username"], "").returncode == 0
    done = json.loads(control(server, "--json", "accounts", "rotate",
                              account["username"]).stdout)
    assert update(server, account) == 401
    assert update(server, account, done["password"]) == 200
    done = control(server, "accounts", "delete", account["username"])
    assert (done.returncode, done.stdout) == (0, "deleted, with its values\n")
    done = control(server, "accounts", "delete", account["username"])
    assert done.returncode == 1 and "no such account" in done.stderr
    for words in (["delete"], ["delete", "x"], ["rename", account["username"]],
                  ["list", account["username"]], ["allow", account["username"]]):
        assert control(server, "accounts", *words).returncode == 2
