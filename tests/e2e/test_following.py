"""Clients that name what stands in the certificate, and whose names are CNAMEs to ours: dns01d asks
Unbound, which asks NSD, where they lead."""

import os
import subprocess

import pytest

import clientpage
from clients import debian_version
from dns01d import build_folder
from dnsask import ask, texts
from world import DELEGATED, World

WWW = "_acme-challenge.www.example.test"
X7 = DELEGATED["www.example.test"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One without `delegations`, which would make every _acme-challenge of example.test ours."""
    made = World(tmp_path_factory.mktemp("following"))
    made.dns01d.token("follower", "a-secret-of-who-is-followed", names=list(DELEGATED),
                      owners=["x7.auth.example.test", "x8.auth.example.test"])
    made.dns01d.token("everything", "a-secret-that-opens-every-name", names=["**"], owners=["**"])
    with made as running:
        yield running


def present(world, name, value="v", token="follower"):
    """As acme.sh's acmeproxy does, which follows no CNAME."""
    return world.dns01d.request("POST", "/present", token=token,
                                body={"fqdn": name + ".", "value": value})


def cleanup(world, name, value="v"):
    return world.dns01d.request("POST", "/cleanup", token="follower",
                                body={"fqdn": name + ".", "value": value})


def test_lego_raw_gets_a_certificate(world):
    names = ("www.example.test", "*.www.example.test")
    certificate, output = world.issue(*names, user="follower", raw=True)
    assert certificate, output
    world.verify(certificate, names)
    events = world.dns01d.timeline(WWW, "follower")
    followed = [event for event in events if event["event"] == "followed"]
    assert {event["followed_to"] for event in followed} == {X7}
    assert len({event["value"] for event in followed}) == 2
    assert [event["event"] for event in events].count("removed") == 2
    assert texts(ask(world.dns01d_server, X7)) == set()
    clientpage.note("lego", debian_version("lego"), "httpreq", "RAW, CNAME followed by dns01d",
                    "name and wildcard in one order")


def test_two_names_in_one_order(world):
    names = ("www.example.test", "mail.example.test")
    certificate, output = world.issue(*names, user="follower", raw=True)
    assert certificate, output
    world.verify(certificate, names)


def test_a_hook_is_followed_too(world):
    """As certbot calls it, through the control socket."""
    environment = {**os.environ, "CERTBOT_DOMAIN": "www.example.test", "CERTBOT_VALIDATION": "hook"}
    command = [build_folder() / "dns01ctl", "--socket", world.dns01d.state / "control.sock"]
    for more, shown in (({}, {b"hook"}), ({"CERTBOT_AUTH_OUTPUT": "hook"}, set())):
        done = subprocess.run(command, env={**environment, **more}, capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0, done.stderr
        assert texts(ask(world.dns01d_server, X7)) == shown


def test_through_unbound_each_cause_is_told(world):
    reply = present(world, "_acme-challenge.lost.example.test")
    assert reply.status == 403
    assert reply.json()["detail"] == ("_acme-challenge.lost.example.test leads by CNAME to "
                                      "nobody.auth.example.test: the credential has no right to this")
    assert present(world, WWW, token="lego").status == 403  # No right to the asked name.
    reply = present(world, "_acme-challenge.none.example.test", token="everything")
    assert (reply.status, reply.json()["error"]) == (422, "not-served")
    assert "(NXDOMAIN)" in reply.json()["detail"]


def test_acmeproxy_is_followed(world):
    assert present(world, WWW).status == 200
    assert texts(ask(world.unbound, X7)) == {b"v"}
    assert texts(ask(world.unbound, WWW)) == {b"v"}
    assert cleanup(world, WWW).status == 200
    assert texts(ask(world.dns01d_server, X7)) == set()
