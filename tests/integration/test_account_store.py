"""lego's HTTP account store (ACME_DNS_STORAGE_BASE_URL), with the requests lego sends."""

import base64
import json

import pytest

from dns01d import Dns01d

BASE = "/v1/account-store"
HEADERS = {"User-Agent": "Go-http-client/1.1", "Accept": "application/json"}


@pytest.fixture
def server(tmp_path):
    made = Dns01d(tmp_path / "server", config={"api": {"account-store": True}})
    made.token("lego", "secret-of-token-lego", verbs=["register"])
    made.token("other", "secret-of-token-other", verbs=["register"])
    with made:
        yield made


def send(server, method, path, account=None, token="lego"):
    """As Go's client does with http://lego:SECRET@host/... in the URL."""
    pair = base64.b64encode(f"{token}:{server.secrets[token]}".encode()).decode()
    body, headers = None, dict(HEADERS, Authorization=f"Basic {pair}")
    if account is not None:
        body = json.dumps(account, separators=(",", ":")) + "\n"
        headers["Content-Type"] = "application/json"
    return server.request(method, BASE + path, body=body, headers=headers)


def register(server):
    reply = server.request("POST", "/register", body=b"null\n", token="lego")
    assert reply.status == 201
    account = reply.json()
    del account["allowfrom"]
    return {**account, "server_url": server.api_url}


def test_lego_registers_once_and_finds_its_account_again(server):
    assert send(server, "GET", "/example.test").status == 404
    account = register(server)
    assert send(server, "POST", "/example.test", account).status == 200, "200: make the CNAME"
    server.kill()
    server.start()
    reply = send(server, "GET", "/example.test")
    assert (reply.status, reply.json()) == (200, account)
    assert send(server, "GET", "").json() == {"example.test": account}
    reply = server.request("POST", "/update", body={"subdomain": account["subdomain"],
                                                    "txt": "a" * 43},
                           headers={"X-Api-User": account["username"],
                                    "X-Api-Key": reply.json()["password"]})
    assert reply.status == 200


def test_nobody_else_sees_it(server):
    account = register(server)
    send(server, "POST", "/example.test", account)
    assert send(server, "GET", "/example.test", token="other").status == 404
    assert send(server, "GET", "", token="other").json() == {}
    server.stop()
    for path in server.state.iterdir():
        if path.is_file():
            content = path.read_bytes()
            assert account["password"].encode() not in content, path
            assert account["username"].encode() + b'","password' not in content, path


def test_a_new_secret_means_a_new_registration(server):
    account = register(server)
    send(server, "POST", "/example.test", account)
    server.secrets["lego"] = "another-secret-of-token-lego"
    server.token_file("lego").write_text(server.secrets["lego"] + "\n")
    server.stop()
    server.start()
    assert send(server, "GET", "/example.test").status == 404
    assert send(server, "POST", "/example.test", account).status == 200
    assert send(server, "GET", "/example.test").json() == account


def test_it_is_off_by_default(tmp_path):
    made = Dns01d(tmp_path / "off")
    made.token("lego", "secret-of-token-lego", verbs=["register"])
    with made:
        assert send(made, "GET", "/example.test").status == 404
        assert send(made, "POST", "/example.test", {"username": "x"}).status == 404
