"""Requests of acme.sh, goacmedns, certbot's hook, Posh-ACME, win-acme and Certify, replayed byte for
byte, each with the answer that its parser needs. requests/README.md says where the bytes are from.
"""

import base64
import http.client
import json
import pathlib
import secrets
import socket
import subprocess

import pytest

from dns01d import Dns01d
from dnsask import ask, texts

REQUESTS = pathlib.Path(__file__).parent / "requests"
ZONE = "auth.example.test"
ACCOUNT_KEYS = ["username", "password", "fulldomain", "subdomain"]
# Its base64 has `/`, `+` and padding, so that the alphabets differ.
REGISTRAR_SECRET = "secret?of>the~registrar??>>"
NO_LIMITS = {"limits": {"registrations": "0", "auth-failures": "0"}}
# As recorded: acmeproxy's credentials and name.
PROXY_SECRET = "a-secret-of-acmeproxy"
PROXY_NAME = "_acme-challenge.www.auth.example.test"


def make(folder, **api):
    made = Dns01d(folder, {"api": {**NO_LIMITS, **api}})
    made.token("registrar", REGISTRAR_SECRET, verbs=["register"])
    made.token("acmeproxy", PROXY_SECRET, names=[f"www.{ZONE}"])
    return made


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """open: anyone registers; token: only the registrar; prefix: open, below /dns."""
    folder = tmp_path_factory.mktemp("requests")
    with make(folder / "open", registration="open") as opened, \
            make(folder / "token", registration="token") as closed, \
            make(folder / "prefix", registration="open", **{"base-path": "/dns"}) as below:
        yield {"open": opened, "token": closed, "prefix": below}


def basic(urlsafe=False):
    word = f"registrar:{REGISTRAR_SECRET}".encode()
    return base64.urlsafe_b64encode(word).decode().rstrip("=") if urlsafe \
        else base64.b64encode(word).decode()


def fill(server, name, account=None, value=None):
    raw = (REQUESTS / f"{name}.http").read_bytes()
    fields = {"host": f"{server.address}:{server.api_port}", "basic": basic(),
              "basic-url": basic(urlsafe=True), "value": value, **(account or {})}
    for field, text in fields.items():
        if isinstance(text, str):
            raw = raw.replace(b"{%s}" % field.encode(), text.encode())
    return raw


def exchange(server, raw):
    """(status, headers, body). A client that expects 100 Continue sends its body after it."""
    head, body = raw.split(b"\r\n\r\n", 1)
    with socket.create_connection((server.address, server.api_port), 10) as stream:
        if b"expect: 100-continue" in head.lower():
            stream.sendall(head + b"\r\n\r\n")
            interim = b""
            while not interim.endswith(b"\r\n\r\n"):
                part = stream.recv(1)
                assert part, interim
                interim += part
            assert interim.startswith(b"HTTP/1.1 100 ")
            stream.sendall(body)
        else:
            stream.sendall(raw)
        reply = http.client.HTTPResponse(stream, method="POST")
        reply.begin()
        return reply.status, reply.headers, reply.read().decode()


def sh(script, *arguments):
    return subprocess.run(["sh", "-c", script, "sh", *arguments], capture_output=True, text=True,
                          timeout=30, check=False)


# How each client reads the replies: register returns the account or None, update whether it worked.


class AcmeSh:
    """sed and grep on what $(curl) left, whatever the status."""

    @staticmethod
    def register(_status, _headers, body):
        account = {}
        for key in ACCOUNT_KEYS:
            pattern = r's/^{.*\"%s\":[ ]*\"\([^\"]*\)\".*}/\1/p' % key
            account[key] = sh('response="$(printf %s "$1")"; echo "$response" | sed -n "$2"', body,
                              pattern).stdout.rstrip("\n")
        return account if all(account.values()) else None

    @staticmethod
    def update(_status, _headers, body, value):
        return sh('echo "$1" | grep "\\"$2\\"" >/dev/null', body, value).returncode == 0


class Strict:
    """goacmedns before 0.2 and certbot's hook: 201 and 200, nothing else."""

    @staticmethod
    def register(status, _headers, body):
        return json.loads(body) if status == 201 else None

    @staticmethod
    def update(status, _headers, body, _value):
        json.loads(body)  # The hook prints the error that it reads here.
        return status == 200


class Goacmedns:
    """Any 2xx; the account is read as Go reads JSON."""

    @staticmethod
    def register(status, _headers, body):
        return json.loads(body) if status // 100 == 2 else None

    @staticmethod
    def update(status, _headers, _body, _value):
        return status // 100 == 2


class PoshAcme:
    """Invoke-RestMethod throws on an error, and makes an object of a reply that is JSON by type."""

    @staticmethod
    def register(status, headers, body):
        assert status // 100 == 2
        assert headers.get_content_type() == "application/json"
        return json.loads(body)

    @staticmethod
    def update(status, headers, _body, _value):
        return status // 100 == 2 and headers.get_content_type() == "application/json"


class WinAcme(Goacmedns):
    """It reads the account without a look at the status: an error must not look like one."""

    @staticmethod
    def register(_status, _headers, body):
        parsed = json.loads(body)
        return parsed if parsed.get("fulldomain") else None


class Certify(Goacmedns):
    """An object with a list `allowfrom`; of an update, it shows the `txt` that comes back."""

    @staticmethod
    def register(status, _headers, body):
        parsed = json.loads(body)
        return parsed if status // 100 == 2 and isinstance(parsed["allowfrom"], list) else None

    @staticmethod
    def update(status, _headers, body, value):
        return status // 100 == 2 and json.loads(body)["txt"] == value


CLIENTS = [("acme.sh-curl", AcmeSh, "open"), ("acme.sh-wget", AcmeSh, "open"),
           ("goacmedns-0.2.0", Goacmedns, "open"), ("goacmedns-0.2.0-prefix", Goacmedns, "prefix"),
           ("goacmedns-0.0.2", Strict, "open"), ("certbot-hook", Strict, "open"),
           ("posh-acme-7", PoshAcme, "open"), ("posh-acme-5.1", PoshAcme, "open"),
           ("win-acme", WinAcme, "open"), ("win-acme-user", WinAcme, "token"),
           ("certify", Certify, "open"), ("certify-user", Certify, "token")]
WITH_ALLOWFROM = [client for client in CLIENTS
                  if (REQUESTS / f"{client[0]}-register-allowfrom.http").exists()]
PROXY_CLIENTS = ["acme.sh-curl", "acme.sh-wget"]


def names(clients):
    return [client[0] for client in clients]


def test_every_file_is_replayed():
    used = {f"{name}-{what}" for name, _, _ in CLIENTS for what in ("register", "update")}
    used |= {f"{name}-register-allowfrom" for name, _, _ in WITH_ALLOWFROM}
    used |= {f"{name}-{what}" for name in PROXY_CLIENTS for what in ("present", "cleanup")}
    assert {path.stem for path in REQUESTS.glob("*.http")} == used
    readme = (REQUESTS / "README.md").read_text()
    for name in used:
        assert any(f"`{word}*`" in readme for word in
                   (name[:i + 1] for i, letter in enumerate(name) if letter == "-")), name


def served(server, name):
    return {text.decode() for text in texts(ask((server.address, server.dns_port), name))}


def value_43():
    return secrets.token_urlsafe(32)


@pytest.mark.parametrize("name, parser, where", CLIENTS, ids=names(CLIENTS))
def test_register_and_update(servers, name, parser, where):
    server = servers[where]
    account = parser.register(*exchange(server, fill(server, f"{name}-register")))
    assert account is not None
    assert account["fulldomain"] == f"{account['subdomain']}.{ZONE}"
    values = [value_43(), value_43()]
    for value in values:  # A name and its wildcard.
        reply = exchange(server, fill(server, f"{name}-update", account, value))
        assert parser.update(*reply, value)
    assert served(server, account["fulldomain"]) == set(values)


@pytest.mark.parametrize("name, parser, where", WITH_ALLOWFROM, ids=names(WITH_ALLOWFROM))
def test_register_with_networks(servers, name, parser, where):
    server = servers[where]
    status, headers, body = exchange(server, fill(server, f"{name}-register-allowfrom"))
    account = parser.register(status, headers, body)
    assert account is not None
    assert json.loads(body)["allowfrom"] == ["127.0.0.0/8"]
    value = value_43()
    assert parser.update(*exchange(server, fill(server, f"{name}-update", account, value)), value)
    assert served(server, account["fulldomain"]) == {value}


@pytest.mark.parametrize("name, parser, where", CLIENTS, ids=names(CLIENTS))
def test_refused_update(servers, name, parser, where):
    """The client sees that it failed; the body is JSON, which some of them print."""
    server = servers[where]
    account = parser.register(*exchange(server, fill(server, f"{name}-register")))
    wrong, value = {**account, "password": "A" * 40}, value_43()
    status, headers, body = exchange(server, fill(server, f"{name}-update", wrong, value))
    assert (status, json.loads(body)) == (401, {"error": "forbidden"})
    assert not parser.update(status, headers, body, value)
    assert served(server, account["fulldomain"]) == set()


@pytest.mark.parametrize("name, parser", [("win-acme", WinAcme), ("certify", Certify),
                                          ("acme.sh-curl", AcmeSh), ("goacmedns-0.0.2", Strict)],
                         ids=lambda part: part if isinstance(part, str) else "")
def test_register_without_a_right(servers, name, parser):
    """The client gets no account; it must not take the error for one."""
    server = servers["token"]
    status, headers, body = exchange(server, fill(server, f"{name}-register"))
    assert (status, json.loads(body)) == (401, {"error": "forbidden"})
    if parser is Certify:
        assert status // 100 != 2
    else:
        assert parser.register(status, headers, body) is None


@pytest.mark.parametrize("name", PROXY_CLIENTS)
def test_acmeproxy(servers, name):
    """It looks for the value in the reply to clean-up too."""
    server = servers["open"]
    value = value_43()
    for what, left in (("present", {value}), ("cleanup", set())):
        status, _, body = exchange(server, fill(server, f"{name}-{what}", value=value))
        assert status == 200
        assert AcmeSh.update(status, None, body, value)
        assert served(server, PROXY_NAME) == left
