"""One dns01d for the tests of a file, with a token for each right they need."""

import types
import urllib.parse

import pytest

from dns01d import Dns01d
from dnsask import ask
from openapi import Contract

ZONE_RECORDS = ["www A 192.0.2.80", "deep.empty.below TXT static", "fixed TXT \"a static value\"",
                "alias CNAME www"]


@pytest.fixture(scope="session", autouse=True)
def contract():
    """Every answer to request() is one that openapi.json describes."""
    made = Contract()
    Dns01d.observe = staticmethod(made.check)
    yield made
    Dns01d.observe = None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Dns01d(tmp_path_factory.mktemp("server"))
    made.config["zones"][0]["records"] += ZONE_RECORDS
    made.token("all", "secret-of-token-all", owners=["**.auth.example.test"])
    made.token("other", "secret-of-token-other", owners=["**.auth.example.test"])
    made.token("one", "secret-of-token-one", owners=["only.auth.example.test"])
    made.token("reader", "secret-of-token-reader", owners=["**.auth.example.test"], verbs=["read"])
    made.token("admin", "secret-of-token-admin", verbs=["admin"])
    made.token("registrar", "secret-of-token-registrar", verbs=["register"])
    with made:
        yield made


@pytest.fixture
def challenges(server):
    """present, cleanup and ask; what a test presented through it is removed after it."""
    presented = []

    def present(name, value, token="all", **more):
        presented.append((name, value, token))
        return server.request("POST", "/v1/challenges", token=token,
                              body={"name": name, "value": value, **more})

    def cleanup(name, value, token="all"):
        query = urllib.parse.urlencode({"name": name, "value": value})
        return server.request("DELETE", f"/v1/challenges?{query}", token=token)

    def ask_server(name, kind="TXT", **options):
        return ask((server.address, server.dns_port), name, kind, **options)

    yield types.SimpleNamespace(present=present, cleanup=cleanup, ask=ask_server)
    for name, value, token in presented:
        cleanup(name, value, token)
