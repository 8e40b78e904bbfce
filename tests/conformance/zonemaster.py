"""A small internet in two namespaces, for Zonemaster: a private root, addresses that look global.

    internet   NSD: root, test, example.test, the reverse zones and the ASN database; Zonemaster
    site       dns01d: auth.example.test on two networks, each with IPv4 and IPv6

Zonemaster refuses private and documentation addresses, so these are ordinary ones; they exist in
the namespaces only, and there is no route out of them. Everything that Zonemaster asks is answered
in there, so no test case of its profile is turned off. Reverse names and ASN records are what an
operator's networks would give; they say nothing of dns01d.
"""

import contextlib
import ipaddress
import json
import pathlib
import shutil
import subprocess

from dns01d import Dns01d
from dnsask import answers
from namespaces import Namespace
from program import Program, wait_until

ZONE = "auth.example.test"
DELEGATION = "_acme-challenge.www.example.test"  # Of one challenge name.
LAME = "lame.example.test"  # Delegated to dns01d too, which does not serve it.
HOSTS = ("ns1", "ns2")
START_SECONDS = 20
RUN_SECONDS = 240
DEVICES = ("wan0", "wan1")
# Device -> address of the internet's servers, address of dns01d, autonomous system; each family.
NETWORKS = {
    "wan0": (("20.1.0.1/24", "20.1.0.53/24", 20001), ("2600:1::1/64", "2600:1::53/64", 20001)),
    "wan1": (("30.1.0.1/24", "30.1.0.53/24", 30001), ("2a00:1::1/64", "2a00:1::53/64", 30001)),
}
REVERSE_ZONES = ("in-addr.arpa", "ip6.arpa")
ASN_ZONE = "asnlookup.zonemaster.net"


def plain(address):
    return ipaddress.ip_interface(address).ip


def servers(which, name):
    """(owner name, address) of each address of ns1.NAME (wan0) and ns2.NAME (wan1)."""
    return [(f"{host}.{name}.", plain(family[which]))
            for host, device in zip(HOSTS, DEVICES) for family in NETWORKS[device]]


def address_record(owner, address):
    return f"{owner} {'AAAA' if address.version == 6 else 'A'} {address}"


def zone_file(name, *records):
    """A zone of the internet's own servers."""
    return "\n".join([
        f"$ORIGIN {name}", "$TTL 86400",
        "@ SOA ns1.test. hostmaster.test. 1 14400 3600 604800 3600",
        *(f"@ NS {host}.test." for host in HOSTS), *records]) + "\n"


def pointers():
    """Reverse records of every name server."""
    return [f"{address.reverse_pointer}. PTR {owner}"
            for name, which in (("test", 0), (ZONE, 1)) for owner, address in servers(which, name)]


def origins():
    """The ASN database: who announces the network of each address."""
    records = []
    for family in (record for device in DEVICES for record in NETWORKS[device]):
        network = ipaddress.ip_interface(family[1]).network
        for address in family[:2]:
            pointer = plain(address).reverse_pointer
            for root, zone in zip(REVERSE_ZONES, ("origin", "origin6")):
                if pointer.endswith(root):
                    name = pointer.removesuffix(root) + zone
                    records.append(f'{name} TXT "{family[2]} | {network} | ZZ | test | 2020-01-01"')
    return records


def internet_zones():
    own = [address_record(*server) for server in servers(0, "test")]
    site = [address_record(*server) for server in servers(1, ZONE)]
    delegations = [f"{zone}. NS {host}.test." for host in HOSTS
                   for zone in ("test", *REVERSE_ZONES, ASN_ZONE)]
    return {
        ".": zone_file(".", *delegations, *own),
        "test.": zone_file("test.", *own, *(f"example NS {host}" for host in HOSTS)),
        "example.test.": zone_file(
            "example.test.", "@ MX 0 mail", f"mail A {NETWORKS['wan0'][0][0].partition('/')[0]}",
            *(f"{child} NS {host}.{ZONE}." for child in ("auth", "lame", "_acme-challenge.www") for host in HOSTS), *site),
        **{f"{zone}.": zone_file(f"{zone}.", *(record for record in pointers()
                                               if record.split(" ")[0].endswith(f".{zone}.")))
           for zone in REVERSE_ZONES},
        f"{ASN_ZONE}.": zone_file(f"{ASN_ZONE}.", *origins()),
    }


class Internet:
    """Both namespaces with their servers; run() lets Zonemaster test a zone."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.internet = Namespace("internet", self.folder / "internet")
        self.site = Namespace("site", self.folder / "site")
        self.dns01d = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as cleanup:
            cleanup.enter_context(self.internet)
            cleanup.enter_context(self.site)
            for device in DEVICES:
                ours, theirs = zip(*((family[0], family[1]) for family in NETWORKS[device]))
                self.internet.link(self.site, device, ours, theirs)
            with self.internet.entered():
                self._start_nsd(cleanup)
            with self.site.entered():
                self.dns01d = cleanup.enter_context(self._make_dns01d())
            with self.internet.entered():
                for _, address in servers(1, ZONE):
                    wait_until(lambda address=address: answers((str(address), 53), ZONE),
                               START_SECONDS, f"dns01d at {address}")
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, kind, error, trace):
        self._cleanup.__exit__(kind, error, trace)

    def _start_nsd(self, cleanup):
        folder = self.internet.folder
        addresses = [address for _, address in servers(0, "test")]
        lines = ["server:", *(f"  ip-address: {address}" for address in addresses),
                 '  server-count: 1', '  username: ""', '  chroot: ""', f'  zonesdir: "{folder}"',
                 '  database: ""', f'  zonelistfile: "{folder}/nsd.zonelist"',
                 f'  xfrdfile: "{folder}/nsd.xfrd"', f'  xfrdir: "{folder}"',
                 f'  pidfile: "{folder}/nsd.pid"', '  logfile: ""', '  hide-version: yes',
                 "remote-control:", "  control-enable: no"]
        for name, text in internet_zones().items():
            path = folder / f"zone-{name.rstrip('.') or 'root'}"
            path.write_text(text)
            lines += ["zone:", f'  name: "{name}"', f'  zonefile: "{path}"']
        config = folder / "nsd.conf"
        config.write_text("\n".join(lines) + "\n")
        nsd = Program("nsd", [shutil.which("nsd", path="/usr/sbin"), "-d", "-c", config], folder)
        cleanup.callback(nsd.stop)
        for address in addresses:
            wait_until(lambda address=address: answers((str(address), 53), "."), START_SECONDS,
                       f"NSD at {address}", nsd)

    def _make_dns01d(self):
        def listen(address):
            return f"[{address}]:53" if address.version == 6 else f"{address}:53"

        return Dns01d(self.site.folder / "dns01d", {
            "dns": {"listen": [listen(address) for _, address in servers(1, ZONE)]},
            "zones": [{
                "name": ZONE,
                "nameservers": [f"ns1.{ZONE}", f"ns2.{ZONE}"],
                "hostmaster": "hostmaster.example.test",
                "records": [address_record(*server) for server in servers(1, ZONE)],
            }],
            "delegations": [{
                "under": "example.test",
                "nameservers": [f"ns1.{ZONE}", f"ns2.{ZONE}"],
                "hostmaster": "hostmaster.example.test",
            }],
        }, address="127.0.0.1")

    def run(self, zone, level="INFO"):
        """What Zonemaster says of a zone from `level` on: a list of dicts."""
        hints = self.folder / "hints"
        own = servers(0, "test")
        hints.write_text("".join(f". 3600000 NS {owner}\n"
                                 for owner in sorted({owner for owner, _ in own}))
                         + "".join(address_record(f"{owner} 3600000", address) + "\n"
                                   for owner, address in own))
        # Nothing of the machine's resolver is in sight.
        script = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
        resolver = self.folder / "resolv.conf"
        resolver.write_text(f"nameserver {own[0][1]}\n")
        done = subprocess.run(
            self.internet.command("sh", "-c", script, "sh", str(resolver), "zonemaster-cli",
                                  "--hints", str(hints), "--level", level, "--json",
                                  "--no-progress", "--locale", "en_US.UTF-8", zone),
            capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
            stdin=subprocess.DEVNULL)
        assert done.stdout, f"zonemaster-cli ended with {done.returncode}: {done.stderr}"
        found = json.loads(done.stdout)
        return found["results"] if isinstance(found, dict) else found


def profile_cases():
    """The test cases that Zonemaster's profile turns on, in upper case."""
    done = subprocess.run(["zonemaster-cli", "--dump-profile"], capture_output=True, text=True,
                          check=True)
    return {case.upper() for case in json.loads(done.stdout)["test_cases"]}


def tags(messages, level):
    """The tags of a level, each once."""
    return {message["tag"] for message in messages if message["level"] == level}
