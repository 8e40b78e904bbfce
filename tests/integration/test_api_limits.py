"""Limits per client address, proxies in front, and the path prefix."""

import base64
import json
import subprocess
import time

import pytest

from dns01d import Dns01d
from dnsask import ask, texts

ZONE = "auth.example.test"
PROXIED = {"X-Forwarded-For": "198.51.100.1"}


def start(folder, **api):
    made = Dns01d(folder)
    made.config["api"].update(api)
    made.token("all", "secret-of-token-all", owners=[f"**.{ZONE}"])
    return made.start()


@pytest.fixture
def limited(tmp_path):
    made = start(tmp_path / "limited", registration="open",
                 limits={"registrations": "3/h", "auth-failures": "4/m"})
    yield made
    made.stop()


@pytest.fixture
def proxied(tmp_path):
    made = start(tmp_path / "proxied", registration="open", **{
        "trusted-proxies": ["127.0.0.0/8"],
        "limits": {"registrations": "2/h", "auth-failures": 0},
    })
    yield made
    made.stop()


def test_registrations(limited):
    for _ in range(5):
        assert limited.request("POST", "/register", "{").status == 400
    for _ in range(3):
        assert limited.request("POST", "/register").status == 201
    reply = limited.request("POST", "/register")
    assert reply.status == 429
    assert reply.json()["error"] == "limit-reached"
    assert 1000 < int(reply.headers["Retry-After"]) <= 1200


@pytest.fixture
def crowded(tmp_path):
    """Each client behind the proxy has its own limit; there is one for all, and room for 5."""
    made = start(tmp_path / "crowded", registration="open", **{
        "trusted-proxies": ["127.0.0.0/8"],
        "limits": {"registrations": "2/h", "registrations-total": "3/h", "accounts": 5},
    })
    yield made
    made.stop()


def register_from(server, client):
    return server.request("POST", "/register", headers={"X-Forwarded-For": client})


def test_registrations_of_all_together(crowded):
    assert crowded.request("POST", "/register", "{").status == 400  # None was made.
    for number in range(3):
        assert register_from(crowded, f"198.51.100.{number}").status == 201
    reply = register_from(crowded, "198.51.100.9")
    assert (reply.status, reply.json()["error"]) == (429, "limit-reached")
    assert "together" in reply.json()["detail"]
    assert 1000 < int(reply.headers["Retry-After"]) <= 1200
    # The administrator's socket is not among them.
    assert control(crowded, "register").returncode == 0


def control(server, *arguments):
    return subprocess.run([server.build / "dns01ctl", "--socket", server.state / "control.sock",
                           *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_accounts_altogether(crowded):
    crowded.config["api"]["limits"].update({"registrations": 0, "registrations-total": 0})
    crowded.stop()
    crowded.start()
    accounts = [crowded.request("POST", "/register") for _ in range(5)]
    assert [reply.status for reply in accounts] == [201] * 5
    for _ in range(2):
        reply = crowded.request("POST", "/register")
        assert (reply.status, reply.json()["error"]) == (429, "limit-reached")
        assert int(reply.headers["Retry-After"]) == 3600
    assert control(crowded, "register").returncode == 1
    account = accounts[0].json()
    assert control(crowded, "accounts", "delete", account["username"]).returncode == 0
    assert crowded.request("POST", "/register").status == 201
    crowded.stop()
    crowded.start()  # What is in the store counts.
    assert crowded.request("POST", "/register").status == 429


def test_an_account_holds_28_values(limited):
    account = limited.request("POST", "/register").json()
    keys = {"X-Api-User": account["username"], "X-Api-Key": account["password"]}
    for number in range(40):
        body = {"subdomain": account["subdomain"], "txt": f"{number:043d}"}
        assert limited.request("POST", "/update", body, headers=keys).status == 200
    held = texts(ask((limited.address, limited.dns_port), account["fulldomain"], tcp=True))
    assert held == {f"{number:043d}".encode() for number in range(12, 40)}


@pytest.fixture(scope="module")
def by_token(tmp_path_factory):
    """As registration is by default; what is wrong is counted, but not yet refused."""
    made = Dns01d(tmp_path_factory.mktemp("by-token"))
    made.config["api"]["limits"] = {"auth-failures": 0, "registrations": 0}
    made.token("enrol", "secret-of-token-enrol", verbs=["register"])
    made.token("host", "secret-of-token-host", owners=[f"**.{ZONE}"])
    with made:
        yield made


def basic(name, secret):
    pair = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def account_headers(username, key):
    return {"X-Api-User": username, "X-Api-Key": key}


def test_registration_takes_a_token_by_default(by_token):
    assert by_token.request("POST", "/register").status == 401
    assert by_token.request("POST", "/register", token="host").status == 401
    assert by_token.request("POST", "/register", token="enrol").status == 201
    assert by_token.request("POST", "/register",
                            headers=basic("enrol", "secret-of-token-enrol")).status == 201
    assert by_token.request("POST", "/register",
                            headers=basic("host", "secret-of-token-enrol")).status == 401


def test_closed_registration_is_not_there(tmp_path):
    made = start(tmp_path / "closed", registration="closed")
    try:
        assert made.request("POST", "/register").status == 404
        assert made.request("POST", "/register", token="all").status == 404
        assert control(made, "register").returncode == 0
    finally:
        made.stop()


@pytest.fixture(scope="module")
def guesses(by_token):
    """What a stranger may try: (path, body, headers with a wrong name, with a wrong secret)."""
    account = by_token.request("POST", "/register", token="enrol").json()
    made = json.loads(control(by_token, "--json", "token", "new", f"compared.{ZONE}").stdout)
    nobody, key = "00000000-0000-4000-8000-000000000000", "k" * 40
    update = {"subdomain": account["subdomain"], "txt": "v" * 43}
    value = {"name": f"x.{ZONE}", "value": "v"}
    wrong = "a-secret-that-is-nobodys"
    return [
        ("/update", update, account_headers(nobody, key),
         account_headers(account["username"], key)),
        ("/update", update, account_headers(nobody, account["password"]),
         account_headers(account["username"], key)),
        ("/v1/challenges", value, basic("nobody", wrong), basic("host", wrong)),
        ("/v1/challenges", value, basic("nobody", wrong), basic(made["name"], wrong)),
        ("/v1/challenges", value, basic("nobody", made["secret"]), basic("host", wrong)),
        ("/register", None, basic("nobody", wrong), basic("enrol", wrong)),
        ("/present", {"fqdn": f"x.{ZONE}.", "value": "v"}, basic("nobody", wrong),
         basic("host", wrong)),
    ]


def answer(server, path, body, headers):
    reply = server.request("POST", path, body, headers=headers)
    shown = {key: value for key, value in reply.headers.items() if key.lower() != "date"}
    return reply.status, shown, reply.body


def test_unknown_names_and_wrong_secrets_look_the_same(by_token, guesses):
    for path, body, unknown, wrong in guesses:
        first = answer(by_token, path, body, unknown)
        assert first[0] == 401
        assert answer(by_token, path, body, wrong) == first


def test_unknown_names_and_wrong_secrets_take_the_same_time(by_token, guesses):
    """The quickest of each, whatever else the machine does: a slow hash would show at once."""
    for path, body, unknown, wrong in guesses:
        times = {"unknown": [], "wrong": []}
        for _ in range(60):
            for kind, headers in (("unknown", unknown), ("wrong", wrong)):
                started = time.perf_counter()
                by_token.request("POST", path, body, headers=headers)
                times[kind].append(time.perf_counter() - started)
        fast, slow = sorted(min(kind) for kind in times.values())
        assert slow < 3 * fast, path


def test_wrong_secrets(limited):
    wrong = {"Authorization": "Bearer no-such-secret-of-ours"}
    for _ in range(4):
        assert limited.request("GET", "/v1/challenges", headers=wrong).status == 401
    reply = limited.request("GET", "/v1/challenges", headers=wrong)
    assert reply.status == 429
    assert 1 <= int(reply.headers["Retry-After"]) <= 15
    # A right one does not open a way round; what needs none still works.
    assert limited.request("GET", "/v1/challenges", token="all").status == 429
    assert limited.request("GET", "/health").status == 200
    assert limited.request("GET", "/readyz").status == 200


def test_each_client_behind_a_proxy_has_its_own_limit(proxied):
    for client in ("198.51.100.1", "198.51.100.2"):
        headers = {"X-Forwarded-For": f"203.0.113.250, {client}"}
        statuses = [proxied.request("POST", "/register", headers=headers).status
                    for _ in range(3)]
        assert statuses == [201, 201, 429]


def test_allowfrom_behind_a_proxy(proxied):
    account = proxied.request("POST", "/register", {"allowfrom": ["198.51.100.9/24"]}).json()
    assert account["allowfrom"] == ["198.51.100.9/24"]
    body = {"subdomain": account["subdomain"], "txt": "v" * 43}
    keys = {"X-Api-User": account["username"], "X-Api-Key": account["password"]}
    assert proxied.request("POST", "/update", body, headers={**keys, **PROXIED}).status == 200
    for forwarded in ({}, {"X-Forwarded-For": "198.51.100.1, 203.0.113.1"},
                      {"X-Forwarded-For": "198.51.100.1, unknown"}):
        assert proxied.request("POST", "/update", body,
                               headers={**keys, **forwarded}).status == 401


def test_forwarded_is_not_believed_without_a_proxy(limited):
    account = limited.request("POST", "/register", {"allowfrom": ["198.51.100.0/24"]}).json()
    body = {"subdomain": account["subdomain"], "txt": "v" * 43}
    keys = {"X-Api-User": account["username"], "X-Api-Key": account["password"]}
    assert limited.request("POST", "/update", body, headers={**keys, **PROXIED}).status == 401


def test_base_path(tmp_path):
    made = start(tmp_path / "prefixed", **{"base-path": "/dns", "registration": "open"})
    try:
        assert made.request("POST", "/dns/register").status == 201
        assert made.request("GET", "/dns/v1/challenges", token="all").status == 200
        assert made.request("POST", "/register").status == 404
        assert made.request("GET", "/readyz", port=made.metrics_port).status == 200
    finally:
        made.stop()


def test_limits_change_on_reload(limited):
    for _ in range(3):
        assert limited.request("POST", "/register").status == 201
    assert limited.request("POST", "/register").status == 429
    limited.config["api"]["limits"] = {"registrations": 0, "auth-failures": "4/m"}
    limited.reload()
    limited.process.wait_line(r"reloaded", 10)
    assert limited.request("POST", "/register").status == 201
