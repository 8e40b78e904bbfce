"""Servers that take writes, each with its database below one folder: dns01d, acme-dns, Knot, PowerDNS.

All are started before the first measurement and idle while another is measured.
"""

import base64
import contextlib
import http.client
import json
import pathlib
import shutil
import sqlite3
import sys
import time

import dnsask
from dns01d import Dns01d
from program import Program, free_address, free_port, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "extra"))

from counterparts import Unavailable  # noqa: E402
from realacmedns import AcmeDns  # noqa: E402

ZONE = "auth.example.test"
KEY = "bench."
SECRET = bytes(range(32))
TOKEN = "secret-of-the-benchmark"
START_SECONDS = 30
SETTLE_SECONDS = 0.1  # Without a tick of CPU time: it is idle.
SETTLE_SECONDS_MAX = 60
BCRYPT_PATIENCE = 4  # acme-dns: a tenth of a second of CPU time for each key.
PDNS_SCHEMA = pathlib.Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


def register(address, count):
    """So many accounts of an acme-dns API, as lines of d1bench-writes."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    lines = []
    for _ in range(count):
        connection.request("POST", "/register")
        account = json.loads(connection.getresponse().read())
        lines.append(" ".join(account[key] for key in ("username", "password", "subdomain",
                                                       "fulldomain")))
    connection.close()
    return lines


def names(count):
    """Names that signed updates write, in the same form."""
    return [f"- - - h{number}.{ZONE}" for number in range(count)]


class Writer:
    """A running server: where it listens, and whose CPU time is measured.

    `patience`: how many times longer than others it is measured, because it is slow.
    """

    def __init__(self, name, dns, process, groups=(), api=None, patience=1):
        self.name = name
        self.dns = dns
        self.api = api
        self.process = process
        self.groups = groups
        self.patience = patience
        self.accounts = {}
        self.commits = lambda: (0, 0)  # (writes, transactions) up to now, where it tells.

    def cpu_ticks(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text("ascii")
        return sum(map(int, stat.rpartition(")")[2].split()[11:13]))

    def settle(self):
        """Waits until it is done with what clients that are gone have asked it."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        before = -1
        while before != (now := self.cpu_ticks()) and time.monotonic() < deadline:
            before = now
            time.sleep(SETTLE_SECONDS)


@contextlib.contextmanager
def dns01d(folder, build):
    """With acme-dns' two slots, so that both do the same work."""
    made = Dns01d(folder, build=build, config={"store": {"backend": "sqlite"}})
    made.config["api"] |= {"registration": "open", "txt-policy": "rolling-2", "limits": {
        "registrations": "0/h", "registrations-total": "0/h", "auth-failures": "0/m"}}
    made.token("bench", TOKEN, verbs=["admin"])
    made.tsig_key(KEY, SECRET, owners=[f"**.{ZONE}"])
    with made:
        writer = Writer("dns01d", (made.address, made.dns_port), made.process,
                        ("front", "dns01d", "store", "dns-*"), (made.address, made.api_port))
        writer.commits = lambda: (made.metric("dns01d_store_revision"),
                                  made.metric("dns01d_store_commit_duration_seconds_count"))
        yield writer


@contextlib.contextmanager
def acme_dns(folder, _build):
    with AcmeDns(folder, ZONE) as made:
        yield Writer("acme-dns", made.dns, made.program, (), made.api, BCRYPT_PATIENCE)


@contextlib.contextmanager
def running(name, folder, command, address):
    """A name server that serves ZONE."""
    program = Program(name, command, folder)
    try:
        wait_until(lambda: dnsask.answers(address, ZONE), START_SECONDS, name, program)
        yield Writer(name, address, program)
    finally:
        program.stop()


@contextlib.contextmanager
def knot(folder, _build):
    if shutil.which("knotd") is None:
        raise Unavailable("knotd is not installed")
    address = free_address()
    port = free_port(address)
    (folder / "zone").write_text(
        f"$ORIGIN {ZONE}.\n@ 60 SOA ns1 hostmaster 1 3600 600 86400 0\n@ 60 NS ns1\n"
        f"ns1 60 A {address}\n")
    (folder / "knot.conf").write_text(f"""server:
    listen: {address}@{port}
    rundir: {folder}
database:
    storage: {folder}
log:
  - target: stderr
    any: warning
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {base64.b64encode(SECRET).decode()}
acl:
  - id: bench
    key: {KEY}
    action: update
zone:
  - domain: {ZONE}
    storage: {folder}
    file: zone
    zonefile-sync: -1
    acl: bench
""")
    with running("knot", folder, ["knotd", "-c", folder / "knot.conf"], (address, port)) as made:
        yield made


def make_pdns_database(path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(PDNS_SCHEMA.read_text("ascii"))
    database.execute("INSERT INTO domains(id, name, type) VALUES (1, ?, 'NATIVE')", (ZONE,))
    for kind, content in (("SOA", f"ns1.{ZONE} hostmaster.{ZONE} 1 3600 600 86400 0"),
                          ("NS", f"ns1.{ZONE}")):
        database.execute("INSERT INTO records(domain_id, name, type, content, ttl, disabled,"
                         " ordername, auth) VALUES (1, ?, ?, ?, 60, 0, '', 1)",
                         (ZONE, kind, content))
    database.execute("INSERT INTO tsigkeys(name, algorithm, secret) VALUES (?, 'hmac-sha256', ?)",
                     (KEY.rstrip("."), base64.b64encode(SECRET).decode()))
    for kind, content in (("TSIG-ALLOW-DNSUPDATE", KEY.rstrip(".")),
                          ("ALLOW-DNSUPDATE-FROM", "127.0.0.0/8")):
        database.execute("INSERT INTO domainmetadata(domain_id, kind, content) VALUES (1, ?, ?)",
                         (kind, content))
    database.commit()
    database.close()


@contextlib.contextmanager
def powerdns(folder, _build):
    """Without caches, which it would answer from what it had before an update."""
    if shutil.which("pdns_server") is None or not PDNS_SCHEMA.is_file():
        raise Unavailable("pdns-server with pdns-backend-sqlite3 is not installed")
    address = free_address()
    port = free_port(address)
    make_pdns_database(folder / "pdns.db")
    (folder / "pdns.conf").write_text(f"""launch=gsqlite3
gsqlite3-database={folder}/pdns.db
gsqlite3-pragma-synchronous=2
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
local-address={address}
local-port={port}
socket-dir={folder}
daemon=no
guardian=no
disable-syslog=yes
loglevel=3
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
""")
    command = ["pdns_server", f"--config-dir={folder}"]
    with running("powerdns", folder, command, (address, port)) as made:
        yield made


ALL = {"dns01d": dns01d, "acme-dns": acme_dns, "knot": knot, "powerdns": powerdns}
