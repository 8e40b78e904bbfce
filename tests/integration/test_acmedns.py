"""The acme-dns API, to the byte, as its clients send and read it."""

import http.client
import json
import re
import secrets
import socket
import uuid

import pytest

from dns01d import Dns01d
from dnsask import ask, texts

ZONE = "auth.example.test"


@pytest.fixture(scope="module")
def open_server(tmp_path_factory):
    with Dns01d(tmp_path_factory.mktemp("acmedns"),
                {"api": {"registration": "open", "limits": {"registrations": "0",
                                                            "auth-failures": "0"}}}) as made:
        yield made


@pytest.fixture
def account(open_server):
    return open_server.request("POST", "/register").json()


def value_43():
    return secrets.token_urlsafe(32)


def update(server, account, body, **headers):
    sent = {"X-Api-User": account["username"], "X-Api-Key": account["password"], **headers}
    return server.request("POST", "/update", body, headers=sent)


def served(server, account):
    return texts(ask((server.address, server.dns_port), account["fulldomain"], tcp=True))


def test_register(open_server):
    reply = open_server.request("POST", "/register")
    assert reply.status == 201
    assert reply.headers["Content-Type"] == "application/json"
    assert "\n" not in reply.text.rstrip("\n")
    body = json.loads(reply.text)
    assert list(body) == ["username", "password", "fulldomain", "subdomain", "allowfrom"]
    assert uuid.UUID(body["username"]).version == 4
    assert uuid.UUID(body["subdomain"]).version == 4
    assert re.fullmatch(r"[A-Za-z0-9_-]{40}", body["password"])
    assert body["fulldomain"] == f"{body['subdomain']}.{ZONE}"
    assert body["allowfrom"] == []


def test_registered_name_is_known(open_server, account):
    reply = ask((open_server.address, open_server.dns_port), account["fulldomain"])
    assert reply.rcode() == 0
    assert not reply.answer


def test_update(open_server, account):
    value = value_43()
    reply = update(open_server, account, {"subdomain": account["subdomain"], "txt": value})
    assert reply.status == 200
    assert reply.body.rstrip(b"\n") == b'{"txt": "%s"}' % value.encode()
    assert served(open_server, account) == {value.encode()}


def test_keys_as_old_clients_spell_them(open_server, account):
    value = value_43()
    reply = update(open_server, account, {"SubDomain": account["subdomain"], "Txt": value})
    assert reply.status == 200


def test_form_content_type_as_acme_sh_sends_it(open_server, account):
    value = value_43()
    body = '{"subdomain":"%s", "txt": "%s"}' % (account["subdomain"], value)
    reply = update(open_server, account, body,
                   **{"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 200
    assert f'"{value}"' in reply.text


def test_register_without_length_and_body_as_curl_sends_it(open_server):
    """`curl -X POST` sends neither Content-Length nor a body."""
    with socket.create_connection((open_server.address, open_server.api_port), 5) as stream:
        stream.sendall(b"POST /register HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        reply = http.client.HTTPResponse(stream)
        reply.begin()
        assert reply.status == 201
        reply.read()


@pytest.mark.parametrize("body", ["null\n", "{}", '{"allowfrom": []}', '{"AllowFrom":[]}'])
def test_register_bodies(open_server, body):
    assert open_server.request("POST", "/register", body).status == 201


@pytest.mark.parametrize(("body", "error"), [
    ("{", "malformed_json_payload"),
    ('{"allowfrom": ["192.0.2.1"]}', "invalid_allowfrom_cidr"),
    ('{"allowfrom": ["nonsense/8"]}', "invalid_allowfrom_cidr"),
])
def test_register_errors(open_server, body, error):
    reply = open_server.request("POST", "/register", body)
    assert reply.status == 400
    assert reply.body.rstrip(b"\n") == b'{"error": "%s"}' % error.encode()


@pytest.mark.parametrize("change", [
    {"X-Api-User": str(uuid.uuid4())}, {"X-Api-User": "nonsense"}, {"X-Api-User": ""},
    {"X-Api-Key": "A" * 40}, {"X-Api-Key": "short"}, {"X-Api-Key": ""},
])
def test_wrong_credential(open_server, account, change):
    body = {"subdomain": account["subdomain"], "txt": value_43()}
    reply = update(open_server, account, body, **change)
    assert reply.status == 401
    assert reply.body.rstrip(b"\n") == b'{"error": "forbidden"}'
    assert served(open_server, account) == set()


def test_subdomain_of_another_account(open_server, account):
    other = open_server.request("POST", "/register").json()
    reply = update(open_server, account, {"subdomain": other["subdomain"], "txt": value_43()})
    assert reply.status == 401
    assert served(open_server, other) == set()


def test_bad_json_on_update_is_forbidden(open_server, account):
    reply = update(open_server, account, "{")
    assert (reply.status, reply.json()) == (401, {"error": "forbidden"})


@pytest.mark.parametrize("txt", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + " "])
def test_bad_txt(open_server, account, txt):
    reply = update(open_server, account, {"subdomain": account["subdomain"], "txt": txt})
    assert (reply.status, reply.json()) == (400, {"error": "bad_txt"})


def test_allowfrom(open_server):
    far = open_server.request("POST", "/register", {"allowfrom": ["192.0.2.0/24"]}).json()
    near = open_server.request("POST", "/register", {"allowfrom": ["127.0.0.0/8"]}).json()
    assert far["allowfrom"] == ["192.0.2.0/24"]
    for account, status in ((far, 401), (near, 200)):
        body = {"subdomain": account["subdomain"], "txt": value_43()}
        assert update(open_server, account, body).status == status


def test_oldest_value_gives_way(open_server, account):
    """1232 octets of values; /update never fails for want of room."""
    values = [value_43() for _ in range(40)]
    for value in values:
        body = {"subdomain": account["subdomain"], "txt": value}
        assert update(open_server, account, body).status == 200
    left = served(open_server, account)
    assert {value.encode() for value in values[-20:]} <= left
    assert values[0].encode() not in left


def test_health(open_server):
    reply = open_server.request("GET", "/health")
    assert (reply.status, reply.body) == (200, b"")


def test_account_survives_a_restart(tmp_path):
    server = Dns01d(tmp_path, {"api": {"registration": "open"}})
    with server:
        account = server.request("POST", "/register").json()
    with server:
        value = value_43()
        body = {"subdomain": account["subdomain"], "txt": value}
        assert update(server, account, body).status == 200
        assert served(server, account) == {value.encode()}


def test_registration_by_token(server):
    assert server.request("POST", "/register").status == 401
    assert server.request("POST", "/register", token="reader").status == 401
    assert server.request("POST", "/register", token="registrar").status == 201


def test_registration_closed(tmp_path):
    with Dns01d(tmp_path, {"api": {"registration": "closed"}}) as server:
        assert server.request("POST", "/register").status == 404


def test_two_slots(tmp_path):
    """txt-policy rolling-2: as acme-dns, the last two values and no more."""
    config = {"api": {"registration": "open", "txt-policy": "rolling-2"}}
    with Dns01d(tmp_path, config) as server:
        account = server.request("POST", "/register").json()
        values = [value_43() for _ in range(3)]
        for value in values:
            body = {"subdomain": account["subdomain"], "txt": value}
            assert update(server, account, body).status == 200
        assert served(server, account) == {value.encode() for value in values[1:]}
