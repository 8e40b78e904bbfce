"""The real acme-dns, as the extra tests build it, running."""

import socket

import dnsask
from counterparts import ACME_DNS
from program import Program, free_address, free_port, wait_until

START_SECONDS = 20


class AcmeDns:
    """One acme-dns with SQLite and open registration; a context manager."""

    def __init__(self, folder, zone):
        self.folder = folder
        self.zone = zone
        self.address = free_address()
        self.dns = (self.address, free_port(self.address))
        self.api = (self.address, free_port(self.address))
        self.database = folder / "acme-dns.db"
        self.config = folder / "config.cfg"
        self.program = None

    def _listens(self):
        try:
            socket.create_connection(self.api, 1).close()
        except OSError:
            return False
        return True

    def __enter__(self):
        self.config.write_text(f"""[general]
listen = "{self.address}:{self.dns[1]}"
protocol = "both4"
domain = "{self.zone}"
nsname = "ns1.{self.zone}"
nsadmin = "hostmaster.example.test"
records = ["{self.zone}. NS ns1.{self.zone}.", "ns1.{self.zone}. A {self.address}"]
debug = false
[database]
engine = "sqlite"
connection = "{self.database}"
[api]
ip = "{self.address}"
port = "{self.api[1]}"
disable_registration = false
tls = "none"
corsorigins = ["*"]
use_header = false
header_name = "X-Forwarded-For"
[logconfig]
loglevel = "info"
logtype = "stdout"
logformat = "text"
""")
        self.program = Program("acme-dns", [ACME_DNS.find(), "-c", self.config], self.folder)
        wait_until(lambda: dnsask.answers(self.dns, self.zone) and self._listens(), START_SECONDS,
                   "acme-dns", self.program)
        return self

    def __exit__(self, *_):
        self.program.stop()
