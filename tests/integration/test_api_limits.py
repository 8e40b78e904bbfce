"""Limits per client address, proxies in front, and the path prefix."""

import pytest

from dns01d import Dns01d

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
