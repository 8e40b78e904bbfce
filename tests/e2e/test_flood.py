"""Certificates are issued while a neighbour floods dns01d with spoofed queries at full rate.

    resolver   NSD, Unbound, Pebble, lego          10.53.0.2 -- 10.53.0.1   site   dns01d
               Unbound asks from 10.53.1.2
    attacker   d1bench-flood, as fast as it can    10.53.2.2 -- 10.53.2.1

A quarter of the flood comes from invented addresses of the resolver's own network, a quarter asks
for the names that are being validated, the rest is random. DNS01D_FLOOD_ISSUES: how many (3).
"""

import concurrent.futures
import contextlib
import json
import os
import re

import pytest

from dns01d import Dns01d, build_folder
from namespaces import Namespace, without_root
from program import Program
from world import World

ISSUES = int(os.environ.get("DNS01D_FLOOD_ISSUES", "3"))
AT_ONCE = 10  # lego mostly waits.
SITE = "10.53.0.1"
RESOLVER = "10.53.1.2"
RESOLVER_NETWORK = "10.53.1.0/24"
ATTACKED_SECONDS_MAX = 55
PACKETS_A_SECOND_MIN = 20000  # Else it was no flood. Two busy processors send ten times as many.


class SiteDns01d(Dns01d):
    """Runs in another namespace than the one that starts it."""

    def __init__(self, site, folder):
        with site.entered():
            super().__init__(folder, {"api": {"insecure": True}}, address=SITE)
        self.site = site

    def start(self):
        with self.site.entered():
            return super().start()


def delegated():
    return {f"host{i}.example.test": f"f{i}.auth.example.test" for i in range(ISSUES)}


class Attack:
    """The flood; a context manager. `report` is what it sent."""

    def __init__(self, attacker, site, world, folder):
        link = json.loads(site.run("ip", "-json", "link", "show", "attack0"))[0]
        self.command = attacker.command(
            str(build_folder() / "tests/bench/d1bench-flood"), "--device", "attack0",
            "--mac", link["address"], "--server", "{}:{}".format(*world.dns01d_server),
            "--zone", "auth.example.test", "--neighbours", RESOLVER,
            *(part for owner in world.delegated.values() for part in ("--owner", owner)))
        self.folder = folder
        self.program = None
        self.report = None

    def __enter__(self):
        self.program = Program("flood", self.command, self.folder)
        try:
            self.program.wait_line("^flooding$", 10)
        except BaseException:
            self.program.stop()
            raise
        return self

    def __exit__(self, kind, error, trace):
        assert self.program.status is None, self.program.tail()
        self.program.stop()
        self.report = json.loads(self.program.lines()[-1])


@pytest.fixture
def scene(request, tmp_path):
    """(world, attack); None when the test ran elsewhere."""
    if without_root(request):
        yield None
        return
    with contextlib.ExitStack() as stack:
        site, resolver, attacker = (
            stack.enter_context(Namespace(name, tmp_path / name))
            for name in ("site", "resolver", "attacker"))
        # The resolver's network is behind a router, so that each of its addresses can be answered.
        resolver.link(site, "wan0", ["10.53.0.2/24", f"{RESOLVER}/24"], [f"{SITE}/24"])
        attacker.link(site, "attack0", ["10.53.2.2/24"], ["10.53.2.1/24"])
        site.run("ip", "route", "add", RESOLVER_NETWORK, "via", "10.53.0.2")
        # Answers to invented addresses go back to where the queries came from, as on a real line.
        site.run("ip", "route", "add", "default", "via", "10.53.2.2")
        dns01d = SiteDns01d(site, tmp_path / "dns01d")
        stack.enter_context(resolver.entered())
        world = stack.enter_context(World(tmp_path / "world", delegated=delegated(), dns01d=dns01d,
                                          outgoing=RESOLVER))
        yield world, Attack(attacker, site, world, tmp_path)


def received(world):
    """UDP queries answered so far."""
    return sum(int(count) for count in re.findall(
        r'^dns01d_dns_responses_total\{transport="udp".*\} (\d+)$', world.dns01d.metrics(),
        re.MULTILINE))


def check(world, domain, certificate):
    world.verify(certificate, [domain])
    noted = [event["event"] for event in world.dns01d.timeline(world.delegated[domain], "lego")]
    assert {"presented", "live", "removed"} <= set(noted)


def test_issues_under_a_flood(scene):
    if scene is None:
        return
    world, attack = scene
    before = received(world)
    with attack:
        # The pool's threads are in the namespace of the one that makes them.
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            results = dict(zip(world.delegated, pool.map(world.issue, world.delegated)))
        answered = received(world) - before
    issued = {domain: certificate for domain, (certificate, _) in results.items() if certificate}
    print(f"{len(issued)} of {ISSUES} issued; {attack.report}; {answered} answered")
    for domain, certificate in issued.items():
        check(world, domain, certificate)
    failed = [output for certificate, output in results.values() if certificate is None]
    assert not failed, "\n".join(failed)
    assert attack.report["sent"] / attack.report["seconds"] > PACKETS_A_SECOND_MIN
    assert attack.report["seconds"] < ATTACKED_SECONDS_MAX
    assert answered > 0
