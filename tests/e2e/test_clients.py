"""certbot, dehydrated, uacme and lego get certificates from Pebble, with dns01ctl as their hook, or
by UPDATE.

They run at the same time, each for a name of its own and its wildcard, which share an owner name.
The names stand in the zone of dns01d, or their challenges are delegated to it with NS records.
"""

import os
import subprocess

import dns.rcode
import pytest

import clientpage
from clients import (Certbot, CertbotMd5, CertbotUpdate, Dehydrated, DehydratedWithoutChain, Lego, LegoRaw, LegoUpdate, Uacme,
                     debian_version)
from dnsask import ask, texts
from world import World

ZONE = "auth.example.test"
DIRECT = "direct.example.test"
BOTH = "name and wildcard in one order"
VALUE = "A" * 43

CLIENTS = [
    (Certbot("certbot", f"certbot.{ZONE}", f"certbot.{DIRECT}"), f"{BOTH}; renewal of two"),
    (Dehydrated("dehydrated", f"dehydrated.{ZONE}"), BOTH),
    (DehydratedWithoutChain("dehydrated-alone", f"alone.{ZONE}"), BOTH),
    (Uacme("uacme", f"uacme.{ZONE}"), BOTH),
    (Lego("lego-exec", f"lego.{ZONE}"), BOTH),
    (LegoRaw("lego-raw", f"raw.{ZONE}"), BOTH),
    (LegoUpdate("lego-update", f"legoupdate.{ZONE}"), BOTH),
    (CertbotUpdate("certbot-update", f"certbotupdate.{ZONE}"), BOTH),
]
# Their challenges are delegated: the owner name is the apex of a zone of its own.
DELEGATED = [
    Dehydrated("dehydrated-direct", f"dehydrated.{DIRECT}"),
    Uacme("uacme-direct", f"uacme.{DIRECT}"),
    Lego("lego-direct", DIRECT),
    LegoUpdate("lego-update-direct", f"legoupdate.{DIRECT}"),
    CertbotUpdate("certbot-update-direct", f"certbotupdate.{DIRECT}"),
]
# At work for one name at the same time.
NEIGHBOURS = [Dehydrated("dehydrated-shared", f"shared.{ZONE}"),
              LegoRaw("lego-shared", f"shared.{ZONE}")]
# lego deletes the whole RRset before it adds its value; certbot adds all of its values first.
UPDATERS = [LegoUpdate("lego-update-shared", f"sharedupdate.{ZONE}"),
            CertbotUpdate("certbot-update-shared", f"sharedupdate.{ZONE}")]
MD5 = CertbotMd5("certbot-md5", f"md5.{ZONE}")
STRANGER = Dehydrated("stranger", f"stranger.{ZONE}")
EVERY = [client for client, _ in CLIENTS] + DELEGATED + NEIGHBOURS + UPDATERS + [MD5, STRANGER]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """All clients are at work in it. dehydrated never repeats a request whose nonce was refused."""
    direct = [f"certbot.{DIRECT}", *(client.domain for client in DELEGATED)]
    world = World(tmp_path_factory.mktemp("clients"), nonce_reject=0, direct=direct)
    for client in EVERY:
        client.join(world)
    world.dns01d.token("any", "a-secret-of-one-who-may-all", names=["**"])
    with world:
        world.dns01d.token_file(STRANGER.name).write_text("not the secret that dns01d knows\n")
        for client in EVERY:
            if not client.unavailable():
                client.start()
        yield world


def assert_issued(world, client):
    if why := client.unavailable():
        pytest.skip(why)
    status, output = client.finish()
    assert status == 0, output
    for certificate, domains in client.certificates():
        world.verify(certificate, domains)
    assert len(client.noted("presented")) >= 2
    assert client.noted("removed") == client.noted("presented")


def assert_nothing_served(world, owner):
    reply = ask(world.dns01d_server, owner)
    assert (reply.rcode(), texts(reply)) == (dns.rcode.NOERROR, set())


def note(client, mode, result):
    clientpage.note(client.program, debian_version(client.program), client.protocol, mode, result)


@pytest.mark.parametrize("client, result", CLIENTS, ids=[client.name for client, _ in CLIENTS])
def test_name_and_wildcard(world, client, result):
    assert_issued(world, client)
    assert_nothing_served(world, client.owner)
    note(client, client.mode, result)


@pytest.mark.parametrize("client", DELEGATED, ids=lambda client: client.name)
def test_delegated_with_ns(world, client):
    assert_issued(world, client)
    assert_nothing_served(world, client.owner)
    note(client, f"{client.mode}, NS delegation", BOTH)


@pytest.mark.parametrize("clients", [NEIGHBOURS, UPDATERS], ids=["hook", "update"])
def test_two_clients_at_one_name(world, clients):
    for client in clients:
        assert_issued(world, client)
    assert_nothing_served(world, clients[0].owner)


def test_md5_is_refused(world):
    status, output = MD5.finish()
    assert status != 0
    assert "key" in output.lower()
    assert_nothing_served(world, MD5.owner)


def test_wrong_secret(world):
    status, output = STRANGER.finish()
    assert status != 0
    assert "no valid credential was given (unauthorized)" in output
    assert f"could not present the value of {STRANGER.domain}" in output
    assert_nothing_served(world, STRANGER.owner)


def run_ctl(world, token, *words):
    dns01d = world.dns01d
    environment = dict(os.environ, DNS01CTL_URL=dns01d.api_url,
                       DNS01CTL_TOKEN_FILE=str(dns01d.token_file(token)))
    return subprocess.run([dns01d.build / "dns01ctl", *words], env=environment,
                          capture_output=True, text=True, timeout=60, check=False)


def test_chain_with_a_name_without_a_right(world):
    """Nothing of the chain stays, for dehydrated ends there and cleans up nothing."""
    client = DELEGATED[0]
    done = run_ctl(world, client.name, "deploy_challenge", client.domain, "token", VALUE,
                   f"other.{ZONE}", "token", VALUE)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the credential has no right to this (forbidden)" in done.stderr
    assert f"could not present the value of other.{ZONE}" in done.stderr
    assert VALUE in client.noted("removed")


def test_name_that_nobody_serves(world):
    done = run_ctl(world, "any", "dns_add", "www.example.org", VALUE)
    assert done.returncode == 1
    assert "(not-served); dns01d must have its zone under `zones` or `delegations`" in done.stderr


ACME_SH = """
_readaccountconf_mutable() { sed -n "s,^$1=,,p" "$SAVED"; }
_saveaccountconf_mutable() {
  sed -i "/^$1=/d" "$SAVED"
  echo "$1=$2" >>"$SAVED"
}
. "$SCRIPT"
dns_dns01d_%s "$@"
"""


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_script_for_acme_sh(world, shell, tmp_path):
    """As acme.sh sources it: settings from the environment first, later from where it saved them."""
    dns01d = world.dns01d
    script, saved = tmp_path / "dns_dns01d.sh", tmp_path / "account.conf"
    script.write_text(run_ctl(world, "any", "hook", "acme.sh").stdout)
    saved.touch()
    name = f"_acme-challenge.{shell}.{ZONE}"
    base = {"PATH": f"{dns01d.build}:{os.environ['PATH']}", "SCRIPT": str(script),
            "SAVED": str(saved)}

    def call(verb, **environment):
        return subprocess.run([shell, "-c", ACME_SH % verb, "acme.sh", name, VALUE],
                              env={**base, **environment}, capture_output=True, text=True,
                              timeout=60, check=False)

    done = call("add", DNS01CTL_URL=dns01d.api_url,
                DNS01CTL_TOKEN_FILE=str(dns01d.token_file("any")))
    assert done.returncode == 0, done.stderr
    assert texts(ask(world.dns01d_server, name)) == {VALUE.encode()}
    assert f"DNS01CTL_URL={dns01d.api_url}\n" in saved.read_text()
    done = call("rm")
    assert done.returncode == 0, done.stderr
    assert texts(ask(world.dns01d_server, name)) == set()
    done = call("add", DNS01CTL_SOCKET="/nonexistent")
    assert done.returncode == 1
    assert "cannot reach dns01d at /nonexistent" in done.stderr


def test_lines_to_paste(world):
    listed = run_ctl(world, "any", "hook").stdout.splitlines()
    clients = [line.split()[0] for line in listed]
    assert len(clients) == 6
    for client in clients:
        clientpage.lines(client, run_ctl(world, "any", "hook", client).stdout)
