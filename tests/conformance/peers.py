"""NSD, Knot and BIND, each on a loopback address of its own, with the zones of a run."""

import os
import pathlib

from dns01d import Dns01d
from dnsask import answers
from program import Program, free_address, free_port, wait_until
from world import SYSTEM_PATH, find_program

START_SECONDS = 30
EDNS_SIZE = 1232


class Peer:
    """One name server. A context manager; `server` is its (address, port)."""

    name = ""
    program = ""

    def __init__(self, folder, zones, zone_files):
        self.folder = pathlib.Path(folder) / self.name.lower()
        self.folder.mkdir(parents=True)
        self.zones = list(zip(zones, zone_files))
        self.address = self.pick_address()
        self.port = free_port(self.address)
        self.process = None

    def pick_address(self):
        return free_address()

    @property
    def server(self):
        return self.address, self.port

    def configuration(self):
        raise NotImplementedError

    def arguments(self, config):
        raise NotImplementedError

    def __enter__(self):
        config = self.folder / f"{self.name.lower()}.conf"
        config.write_text(self.configuration())
        self.process = Program(self.name, [find_program(self.program), *self.arguments(config)],
                               self.folder, {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"})
        try:
            for zone, _ in self.zones:
                wait_until(lambda name=zone.name: answers(self.server, name), START_SECONDS,
                           f"{self.name}: {zone.name}", self.process)
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, *_):
        self.process.stop()

    def check_running(self):
        self.process.check_running()


class Nsd(Peer):
    """NSD without ANY refusal and rate limiting."""

    name = "NSD"
    program = "nsd"

    def arguments(self, config):
        return ["-d", "-c", config]

    def configuration(self):
        zones = "".join(f'zone:\n  name: "{zone.name}"\n  zonefile: "{path}"\n'
                        for zone, path in self.zones)
        return f"""server:
  ip-address: {self.address}@{self.port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{self.folder}"
  database: ""
  zonelistfile: "{self.folder}/zonelist"
  xfrdfile: "{self.folder}/xfrd"
  xfrdir: "{self.folder}"
  pidfile: "{self.folder}/pid"
  logfile: ""
  minimal-responses: yes
  refuse-any: no
  round-robin: no
  hide-version: yes
  hide-identity: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  ipv4-edns-size: {EDNS_SIZE}
  tcp-query-count: 0
remote-control:
  control-enable: no
{zones}"""


class Knot(Peer):
    """Knot DNS; its rate limiting is a module, which is not loaded."""

    name = "Knot"
    program = "knotd"

    def arguments(self, config):
        return ["-c", config]

    def configuration(self):
        zones = "".join(f'  - domain: "{quoted(zone.name)}"\n    file: "{path}"\n'
                        for zone, path in self.zones)
        return f"""server:
  listen: {self.address}@{self.port}
  rundir: "{self.folder}"
  identity: ""
  version: ""
  nsid: ""
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  udp-max-payload: {EDNS_SIZE}
  answer-rotation: off
log:
  - target: stderr
    any: warning
database:
  storage: "{self.folder}"
template:
  - id: default
    semantic-checks: off
    journal-content: none
    zonefile-sync: -1
    zonefile-load: whole
zone:
{zones}"""


class Bind(Peer):
    """BIND as an authoritative server only, with its checks of a zone's sense off."""

    name = "BIND"
    program = "named"

    def pick_address(self):
        """BIND listens only on addresses that an interface has by name."""
        return "127.0.0.1"

    def arguments(self, config):
        return ["-f", "-n", "1", "-c", config]

    def configuration(self):
        zones = "".join(f'zone "{quoted(zone.name)}" {{ type primary; file "{path}"; }};\n'
                        for zone, path in self.zones)
        return f"""options {{
  directory "{self.folder}";
  listen-on port {self.port} {{ {self.address}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  recursion no;
  allow-query {{ any; }};
  allow-transfer {{ none; }};
  notify no;
  dnssec-validation no;
  empty-zones-enable no;
  minimal-responses yes;
  minimal-any no;
  answer-cookie no;
  zero-no-soa-ttl no;
  max-records-per-type 0;
  max-types-per-name 0;
  version none;
  hostname none;
  server-id none;
  querylog no;
  max-udp-size {EDNS_SIZE};
  edns-udp-size {EDNS_SIZE};
  nocookie-udp-size {EDNS_SIZE};
  check-names primary ignore;
  check-integrity no;
  check-sibling no;
  check-wildcard no;
  check-mx ignore;
  check-mx-cname ignore;
  check-srv-cname ignore;
  check-dup-records ignore;
  check-spf ignore;
}};
controls {{ }};
logging {{ channel out {{ stderr; severity warning; }}; category default {{ out; }}; }};
view "zones" {{
{zones}
}};
view "chaos" chaos {{ match-clients {{ any; }}; recursion no; }};
"""


class Ours:
    """dns01d with the same face as a peer."""

    name = "dns01d"

    def __init__(self, folder, zones, zone_files, build=None):
        names = [{"name": zone.name, "file": str(path)} for zone, path in zip(zones, zone_files)]
        self.dns01d = Dns01d(pathlib.Path(folder) / self.name, {"zones": names}, build=build)

    @property
    def server(self):
        return self.dns01d.address, self.dns01d.dns_port

    def __enter__(self):
        self.dns01d.start()
        return self

    def __exit__(self, kind, error, trace):
        self.dns01d.__exit__(kind, error, trace)

    def check_running(self):
        self.dns01d.process.check_running()


PEERS = (Nsd, Knot, Bind)


def quoted(text):
    """For a quoted string of a configuration file."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def write_zones(folder, zones):
    """Writes the zone files; returns their paths."""
    folder = pathlib.Path(folder)
    os.makedirs(folder, exist_ok=True)
    paths = []
    for zone in zones:
        path = folder / f"zone-{zone.number}"
        path.write_text(zone.text)
        paths.append(path)
    return paths
