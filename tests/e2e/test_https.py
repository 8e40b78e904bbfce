"""lego presents over HTTPS, in httpreq's default and RAW modes."""

import pytest

import clientpage
from certificates import make_certificate
from clients import debian_version
from dns01d import Dns01d
from dnsask import ask, texts
from world import DELEGATED, World

HOST = "host.auth.example.test"
OWNER = "_acme-challenge." + HOST


@pytest.fixture(scope="module")
def secure_world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("https")
    server = Dns01d(folder / "dns01d")
    certificate, key = make_certificate(folder, "api", server.address)
    server.config["api"]["tls"] = {"certificate": str(certificate), "key": str(key)}
    server.token("raw", "a-secret-of-a-client-in-raw-mode", names=[HOST])
    with World(folder, dns01d=server) as running:
        yield running


def test_default_mode(secure_world):
    certificate, output = secure_world.issue("www.example.test")
    assert certificate, output
    secure_world.verify(certificate, ["www.example.test"])
    kinds = [event["event"]
             for event in secure_world.dns01d.timeline(DELEGATED["www.example.test"], "lego")]
    assert "presented" in kinds and "removed" in kinds
    clientpage.note("lego", debian_version("lego"), "httpreq", "default, CNAME, HTTPS", "one name")


def test_raw_mode_with_wildcard(secure_world):
    names = [HOST, "*." + HOST]
    certificate, output = secure_world.issue(*names, user="raw", raw=True)
    assert certificate, output
    secure_world.verify(certificate, names)
    values = {event["value"] for event in secure_world.dns01d.timeline(OWNER, "raw")
              if event["event"] == "presented"}
    assert len(values) == 2
    assert texts(ask(secure_world.dns01d_server, OWNER)) == set()
    clientpage.note("lego", debian_version("lego"), "httpreq", "RAW, HTTPS",
                    "name and wildcard in one order")


def test_a_certificate_that_nobody_vouches_for(secure_world):
    """lego refuses, so that the secret never leaves it."""
    tls = secure_world.dns01d.config["api"]["tls"]
    right = tls["certificate"]
    tls["certificate"] = str(secure_world.pebble_certificate)
    try:
        certificate, output = secure_world.issue("mail.example.test")
    finally:
        tls["certificate"] = right
    assert certificate is None
    assert "certificate signed by unknown authority" in output
