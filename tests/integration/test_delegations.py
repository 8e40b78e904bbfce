"""Delegations: zones of single challenge names, from the configuration to the answer."""

import dns.rcode
import dns.rdatatype
import pytest

from dns01d import Dns01d
from dnsask import ask, texts

DELEGATION = {"under": "example.test", "nameservers": ["ns1.auth.example.test", "ns2.example.net"]}
OWNER = "_acme-challenge.www.example.test"


@pytest.fixture
def server(tmp_path):
    made = Dns01d(tmp_path / "dns01d", {"delegations": [DELEGATION]})
    made.token("t", "a-secret-of-this-test", names=["**.example.test"],
               owners=["**.example.test"])
    made.token("admin", "an-admin-of-this-test", verbs=["admin"])
    with made:
        yield made


def present(server, name, value="value"):
    return server.request("POST", "/v1/challenges", token="t",
                          body={"name": name, "value": value}).status


def ask_server(server, name, kind="TXT"):
    return ask((server.address, server.dns_port), name, kind)


def reload(server):
    server.write_config()
    assert server.request("POST", "/v1/reload", token="admin", body={}).status == 200


def assert_apex(server, name):
    soa = ask_server(server, name, "SOA")
    assert [rrset.name.to_text() for rrset in soa.answer] == [name + "."]
    assert soa.answer[0][0].mname.to_text() == "ns1.auth.example.test."
    assert soa.answer[0][0].rname.to_text() == "hostmaster.example.test."
    servers = ask_server(server, name, "NS").answer[0]
    assert {record.target.to_text() for record in servers} == {"ns1.auth.example.test.",
                                                               "ns2.example.net."}


def test_any_name_is_an_apex(server):
    for name in (OWNER, "_acme-challenge.example.test", "_acme-challenge.a.b.c.example.test"):
        assert_apex(server, name)
        missing = ask_server(server, name)
        assert missing.rcode() == dns.rcode.NOERROR
        assert missing.authority[0].name.to_text() == name + "."
    for name in ("www.example.test", "example.test"):
        assert ask_server(server, name, "SOA").rcode() == dns.rcode.REFUSED
    assert ask_server(server, "x." + OWNER).rcode() == dns.rcode.NXDOMAIN


def test_a_challenge_comes_and_goes(server):
    assert present(server, OWNER) == 201
    reply = ask_server(server, OWNER)
    assert texts(reply) == {b"value"}
    assert reply.answer[0].ttl == 0
    assert_apex(server, OWNER)
    assert server.request("DELETE", f"/v1/challenges?name={OWNER}&value=value",
                          token="t").status == 200
    reply = ask_server(server, OWNER)
    assert reply.rcode() == dns.rcode.NOERROR
    assert not reply.answer


def test_other_names_are_not_served(server):
    assert present(server, "www.example.test") == 422
    assert present(server, "x." + OWNER) == 422
    assert present(server, "x.auth.example.test") == 201  # A zone: more specific.


def test_reload_adds_and_removes_delegations(server):
    assert present(server, OWNER) == 201
    server.config["delegations"] = []
    reload(server)
    assert ask_server(server, OWNER).rcode() == dns.rcode.REFUSED
    server.config["delegations"] = [{"under": "other.test", "nameservers": ["ns.other.test"]},
                                    DELEGATION]
    reload(server)
    assert texts(ask_server(server, OWNER)) == {b"value"}
    soa = ask_server(server, "_acme-challenge.other.test", "SOA").answer[0]
    assert soa.rdtype == dns.rdatatype.SOA
    assert soa[0].rname.to_text() == "hostmaster.other.test."


def test_it_survives_a_restart(server):
    assert present(server, OWNER) == 201
    server.stop()
    server.start()
    assert texts(ask_server(server, OWNER)) == {b"value"}
