"""Orders of fifty names, and orders that must fail: a wrong key, a name without a right, a lease
that ends before the ACME server looks.
"""

import pytest

import clientpage
from clients import CertbotOnce, CertbotUpdate, Lego, LegoHttpreq, LegoUpdate, debian_version
from dnsask import ask, texts
from world import World

ZONE = "auth.example.test"
MANY = 50


def many(client):
    """Lets it ask for fifty names below its own."""
    client.domains = [f"n{i}.{client.domain}" for i in range(MANY)]
    client.names = [f"*.{client.domain}"]
    return client


class WrongKey(LegoUpdate):
    """Its key's name is known, its secret is another."""

    @property
    def secret_text(self):
        return "bm90IHRoZSBzZWNyZXQgdGhhdCBkbnMwMWQga25vd3M="


def for_another(client):
    """Gives it a right to another name than the one it asks for."""
    client.names = [f"other.{client.domain}"]
    return client


class LateLego(Lego):
    """Its hook lets the lease end before it returns, as a client that takes too long sees it."""

    mode = "lease that ends too early"

    def settings(self):
        script = self.folder / "late"
        script.write_text(f"""#!/bin/sh
set -e
if [ "$1" = present ]; then
    {self.hook} present "$2" "$3" --lease 1s
    while {self.hook} list | grep -q -e "$3"; do sleep 0.05; done
fi
""")
        script.chmod(0o755)
        return dict(super().settings(), EXEC_PATH=str(script))


# Other clients take a second and more for each name, one after the other.
FIFTY = [many(CertbotOnce("certbot-many", f"certbotmany.{ZONE}")),
         many(CertbotUpdate("certbot-update-many", f"updatemany.{ZONE}"))]
LATE = LateLego("lego-late", f"late.{ZONE}")
# What the client says of it.
REFUSED = [(WrongKey("lego-wrong-key", f"wrongkey.{ZONE}"), "wrong key", "bad authentication"),
           (for_another(LegoUpdate("lego-wrong-name", f"wrongname.{ZONE}")), "key of another name",
            "REFUSED"),
           (for_another(LegoHttpreq("lego-http-wrong-name", f"wronghttp.{ZONE}")),
            "token of another name", "403")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """All clients are at work in it. certbot repeats a request whose nonce was refused only once."""
    world = World(tmp_path_factory.mktemp("orders"), nonce_reject=0)
    every = [*FIFTY, LATE, *(client for client, _, _ in REFUSED)]
    for client in every:
        client.join(world)
    with world:
        for client in every:
            client.start()
        yield world


def note(client, mode, result):
    clientpage.note(client.program, debian_version(client.program), client.protocol, mode, result)


@pytest.mark.parametrize("client", FIFTY, ids=lambda client: client.name)
def test_fifty_names_in_one_order(world, client):
    status, output = client.finish()
    assert status == 0, output
    for certificate, domains in client.certificates():
        assert len(domains) == MANY
        world.verify(certificate, domains)
    for domain in client.domains:
        owner = f"_acme-challenge.{domain}"
        events = [event["event"] for event in world.dns01d.timeline(owner, client.name)]
        assert events.count("presented") == events.count("removed") == 1
        assert texts(ask(world.dns01d_server, owner)) == set()
    note(client, f"{client.mode}, {MANY} names", f"{MANY} names in one order")


@pytest.mark.parametrize("client, what, word", REFUSED, ids=[client.name for client, *_ in REFUSED])
def test_refused(world, client, what, word):
    status, output = client.finish()
    assert status != 0
    assert word in output
    assert texts(ask(world.dns01d_server, client.owner)) == set()
    note(client, f"{client.mode}, {what}", "refused, no certificate")


def test_lease_that_ends_too_early(world):
    """The order fails; the next one, by a hook that is in time, succeeds."""
    status, output = LATE.finish()
    assert status != 0
    assert "urn:ietf:params:acme:error:unauthorized" in output
    assert LATE.noted("expired") == LATE.noted("presented") != set()
    fresh = Lego("lego-late", LATE.domain)
    fresh.world, fresh.folder = world, LATE.folder / "again"
    fresh.folder.mkdir()
    fresh.start()
    status, output = fresh.finish()
    assert status == 0, output
    for certificate, domains in fresh.certificates():
        world.verify(certificate, domains)
    assert fresh.noted("removed") == fresh.noted("presented") - LATE.noted("expired")
    note(LATE, LATE.mode, "no certificate; one from the next order")
