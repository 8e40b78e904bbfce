"""node's acme-client, the current lego and Caddy get certificates from Pebble through dns01d."""

import json
import subprocess

import pytest

import clientpage
from clients_extra import CLIENTS, FIFTY, Accounts, Caddy
from counterparts import CADDY, Unavailable
from dnsask import ask, texts


def assert_issued(world, client):
    if why := client.unavailable():
        pytest.skip(why)
    if client.fault:
        raise client.fault
    status, output = client.finish()
    assert status == 0, output
    certificates = client.certificates()
    assert {name for _, domains in certificates for name in domains} == set(client.domains)
    for certificate, domains in certificates:
        world.verify(certificate, domains)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_name_and_wildcard(world, client):
    assert_issued(world, client)
    presented = client.noted("presented")
    assert len(presented) >= 2
    served = texts(ask(world.dns01d_server, client.owner))
    if isinstance(client, Accounts):
        # This protocol knows no clean-up: leases end it.
        assert served == {value.encode() for value in presented}
    else:
        assert client.noted("removed") == presented
        assert served == set()
    orders = "two orders" if isinstance(client, Caddy) else "one order"
    clientpage.note(client.program, client.version, client.protocol, client.mode,
                    f"name and wildcard in {orders}")


def test_fifty_names_in_one_order(world):
    client = FIFTY
    assert_issued(world, client)
    for domain in client.domains:
        owner = f"_acme-challenge.{domain}"
        events = [event["event"] for event in world.dns01d.timeline(owner, client.name)]
        assert events.count("presented") == events.count("removed") == 1
        assert texts(ask(world.dns01d_server, owner)) == set()
    clientpage.note(client.program, client.version, client.protocol, f"{client.mode}, 50 names",
                    "50 names in one order")


def test_lines_for_caddy(tmp_path):
    """Caddy takes what docs/clients.md gives to paste."""
    try:
        caddy = CADDY.find()
    except Unavailable as why:
        pytest.skip(str(why))
    page = clientpage.PAGE.read_text()
    block = page.split("<!-- Caddyfile -->\n```\n", 1)[1].split("```\n<!-- end -->", 1)[0]
    path = tmp_path / "Caddyfile"
    path.write_text(block)
    done = subprocess.run([caddy, "adapt", "--config", path], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    policies = json.loads(done.stdout)["apps"]["tls"]["automation"]["policies"]
    challenges = {policy["subjects"][0]: policy["issuers"][0]["challenges"]["dns"]
                  for policy in policies}
    assert challenges["example.org"]["provider"]["name"] == "acmedns"
    assert challenges["www.example.org"]["provider"]["name"] == "rfc2136"
    assert challenges["www.example.org"]["propagation_timeout"] == -1
