"""PowerDNS with its HTTP API, in a folder and on an address of its own, and a resolver in front."""

import http.client
import http.server
import json
import pathlib
import shutil
import socket
import sqlite3
import ssl
import threading
import time

from dnsask import ask, texts
from program import Program, ProgramError, free_address, free_port, wait_until
from resolver import UdpServer

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
START_SECONDS = 20
SCHEMA = pathlib.Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
KEY = "an-api-key-of-powerdns-that-nobody-logs"


def may_bind_53():
    """Whether this user may listen on port 53: what looks after writing asks there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((free_address(), 53))
        except PermissionError:
            return False
    return True


class PowerDns:
    """Serves `zones`, each with ns1.ZONE at its own address. A context manager; stop() and start()
    keep what is in the zones. `port`: of DNS."""

    def __init__(self, folder, zones=("example.test",), port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.zones = zones
        self.address = free_address()
        self.port = port or (53 if may_bind_53() else free_port(self.address))
        self.api_port = free_port(self.address)
        self.key = KEY
        self.program = None
        self._made = False

    @property
    def url(self):
        return f"http://{self.address}:{self.api_port}"

    def account(self, key_file, **more):
        """A `providers` entry for it."""
        return {"type": "pdns", "base-url": self.url, "api-key-file": str(key_file),
                "allow-networks": ["127.0.0.0/8"], "look": self.port == 53, **more}

    def start(self):
        database = self.folder / "pdns.sqlite3"
        if not self._made:
            with sqlite3.connect(database) as connection:
                connection.executescript(SCHEMA.read_text())
        (self.folder / "pdns.conf").write_text(f"""launch=gsqlite3
gsqlite3-database={database}
gsqlite3-pragma-synchronous=0
local-address={self.address}
local-port={self.port}
api=yes
api-key={self.key}
webserver=yes
webserver-address={self.address}
webserver-port={self.api_port}
webserver-allow-from=127.0.0.0/8
socket-dir={self.folder}
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
version-string=anonymous
security-poll-suffix=
setuid=
setgid=
daemon=no
guardian=no
disable-syslog=yes
""")
        program = shutil.which("pdns_server", path=SYSTEM_PATH)
        if program is None:
            raise ProgramError("pdns_server is not installed")
        self.program = Program("pdns", [program, f"--config-dir={self.folder}"], self.folder)
        wait_until(self._answers, START_SECONDS, "PowerDNS", self.program)
        if not self._made:
            for zone in self.zones:
                self.add_zone(zone)
            self._made = True
        return self

    def stop(self):
        program, self.program = self.program, None
        program.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        if self.program is not None:
            self.stop()

    def _answers(self):
        try:
            return self.request("GET", "/api/v1/servers/localhost")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None):
        """(status, JSON or None) of one call of the API, as an operator makes it."""
        connection = http.client.HTTPConnection(self.address, self.api_port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"X-API-Key": self.key, "Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
            return reply.status, json.loads(text) if text else None
        finally:
            connection.close()

    def add_zone(self, zone):
        status, reply = self.request("POST", "/api/v1/servers/localhost/zones", {
            "name": f"{zone}.", "kind": "Native", "nameservers": [f"ns1.{zone}."]})
        assert status == 201, reply
        self.replace(zone, f"ns1.{zone}", "A", [self.address])

    def replace(self, zone, name, kind, contents):
        """Sets the records of a name, as somebody else does."""
        status, reply = self.request("PATCH", f"/api/v1/servers/localhost/zones/{zone}.", {
            "rrsets": [{"name": f"{name}.", "type": kind, "ttl": 60, "changetype": "REPLACE",
                        "records": [{"content": content, "disabled": False}
                                    for content in contents]}]})
        assert status == 204, reply

    def values(self, name):
        """The TXT values it answers at a name."""
        return {value.decode() for value in texts(ask((self.address, self.port), name))}

    def all_values(self, zone):
        """name -> TXT values of the whole zone, as its API says."""
        _status, reply = self.request("GET", f"/api/v1/servers/localhost/zones/{zone}.")
        return {rrset["name"].rstrip("."): {record["content"].strip('"')
                                            for record in rrset["records"]}
                for rrset in reply["rrsets"] if rrset["type"] == "TXT"}


class Forwarder(UdpServer):
    """A recursive resolver as far as one authoritative server knows: asks it, and says so."""

    def __init__(self, server):
        super().__init__()
        self.upstream = server

    def _take(self, packet, client):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.settimeout(2)
            out.connect((self.upstream.address, self.upstream.port))
            try:
                out.send(packet)
                answer = bytearray(out.recv(65535))
            except OSError:
                return
        answer[2] &= ~0x04  # Not authoritative here,
        answer[3] |= 0x80   # but recursive.
        self.socket.sendto(answer, client)


class Front:
    """An HTTP server in front of a PowerDNS: passes each request on after `latency_s`. `redirect`: it
    answers 307 to that URL in place of that. With `tls`, (certificate, key), it speaks HTTPS. `seen`
    are (method, path, API key)."""

    def __init__(self, pdns, latency_s=0, tls=None, address=None):
        self.pdns = pdns
        self.latency_s = latency_s
        self.redirect = None
        self.seen = []
        front = self

        class Passing(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                front.seen.append((self.command, self.path, self.headers.get("X-API-Key")))
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                time.sleep(front.latency_s)  # The latency of the network is the subject.
                if front.redirect:
                    status, text, more = 307, b"", {"Location": front.redirect}
                else:
                    status, text, more = front.forward(self.command, self.path,
                                                       dict(self.headers), body)
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = pass_on

            def log_message(self, *_arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, _request, _address):
                pass  # Clients may be killed at any moment.

        self.server = Server((address or free_address(), 0), Passing)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def url(self):
        return "{}://{}:{}".format(self.scheme, *self.server.server_address)

    def forward(self, method, path, headers, body):
        """(status, body, headers) of PowerDNS."""
        headers.pop("Host", None)
        connection = http.client.HTTPConnection(self.pdns.address, self.pdns.api_port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read(), {"Content-Type": "application/json"}
        finally:
            connection.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
