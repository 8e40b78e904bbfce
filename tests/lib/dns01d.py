"""dns01d under test: a configuration, a process, and a client of its HTTP API."""

import base64
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import urllib.parse

from program import Program, ProgramError, free_address, free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
START_SECONDS = 30
STOP_SECONDS = 20
SANITIZER_REPORT = ("ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "runtime error:",
                    "ERROR: LeakSanitizer")


def build_folder():
    """Where the programs are: set by ./dev test, else build/."""
    return pathlib.Path(os.environ.get("DNS01D_BUILD", ROOT / "build"))


class Reply:
    """An HTTP reply, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Dns01d:
    """One dns01d: made with a configuration (a dict), started and stopped as often as wanted.

    Where the configuration does not say otherwise, it serves the zone auth.example.test from its
    own loopback address, on free ports, with its state in `folder`. token() adds a token. `wrapper`
    is a command that starts it, prlimit(1) for instance. `observe` is called with method, path and
    reply of each request(), the path without `base-path`.
    """

    observe = None

    def __init__(self, folder, config=None, address=None, build=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.build = pathlib.Path(build) if build else build_folder()
        self.address = address or free_address()
        self.dns_port = free_port(self.address)
        self.api_port = free_port(self.address)
        self.metrics_port = free_port(self.address)
        self.state = self.folder / "state"
        self.process = None
        self.wrapper = []
        self.secrets = {}
        self.config = {
            "state-dir": str(self.state),
            # Clients of tests ask as fast as they can.
            "dns": {"listen": [f"{self.address}:{self.dns_port}"], "workers": 1,
                    "rate-limit": {"per-second": 0}},
            "zones": [{
                "name": "auth.example.test",
                "nameservers": ["ns1.auth.example.test"],
                "hostmaster": "hostmaster.example.test",
                "records": [f"ns1 A {self.address}"],
            }],
            "api": {"listen": [f"{self.address}:{self.api_port}"]},
            "metrics": {"listen": [f"{self.address}:{self.metrics_port}"]},
        }
        for key, value in (config or {}).items():
            if isinstance(value, dict) and isinstance(self.config.get(key), dict):
                self.config[key] = {**self.config[key], **value}
            else:
                self.config[key] = value

    @property
    def config_path(self):
        return self.folder / "dns01d.yaml"

    @property
    def api_url(self):
        scheme = "https" if self.is_secure else "http"
        return f"{scheme}://{self.address}:{self.api_port}"

    @property
    def is_secure(self):
        return bool(self.config["api"].get("tls"))

    def tls_context(self):
        """A client's, that trusts nothing but the server's own (self-signed) certificate."""
        return ssl.create_default_context(cafile=self.config["api"]["tls"]["certificate"])

    def token_file(self, name):
        return self.folder / f"token-{name}"

    def token(self, name, secret, **rights):
        """Adds a token; rights are names, owners, verbs. Takes effect at start or reload."""
        path = self.token_file(name)
        path.write_text(secret + "\n")
        path.chmod(0o600)
        self.secrets[name] = secret
        self.config.setdefault("tokens", []).append(
            {"name": name, "secret-file": str(path), **rights})

    def tsig_key(self, name, secret, algorithm="hmac-sha256", **rights):
        """Adds a TSIG key (the secret's octets); rights as for tokens, and allow-md5."""
        path = self.folder / f"key-{name}"
        path.write_bytes(base64.b64encode(secret) + b"\n")
        path.chmod(0o600)
        self.config.setdefault("tsig-keys", []).append(
            {"name": name, "algorithm": algorithm, "secret-file": str(path), **rights})

    def write_config(self):
        """JSON is YAML."""
        self.config_path.write_text(json.dumps(self.config, indent=2) + "\n")

    def start(self):
        """Starts it and waits for its `ready` event."""
        self.write_config()
        self.process = Program("dns01d", [*self.wrapper, self.build / "dns01d", "-c",
                                          self.config_path], self.folder, dict(os.environ))
        try:
            self.process.wait_line(r'(?:^|[\s"=])ready(?:[\s",]|$)', START_SECONDS)
        except ProgramError:
            self.process.stop()
            raise
        return self

    def reload(self):
        """Writes the configuration anew and sends SIGHUP."""
        self.write_config()
        self.process.signal(signal.SIGHUP)

    def stop(self):
        """Stops it in order: exit status 0, and nothing that a sanitizer has to say."""
        if self.process is None:
            return
        process, self.process = self.process, None
        status = process.stop(STOP_SECONDS)
        if status != 0:
            raise ProgramError(f"dns01d ended with status {status} after SIGTERM\n{process.tail()}")
        for line in process.lines():
            if any(mark in line for mark in SANITIZER_REPORT):
                raise ProgramError(f"dns01d: {line}")

    def kill(self):
        """As a crash or a power cut of the process would end it."""
        process, self.process = self.process, None
        process.kill()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.stop()
        elif self.process is not None:
            self.process.stop()

    def request(self, method, path, body=None, token=None, headers=None, port=None, seconds=30):
        """One HTTP request. body: bytes or str as they are, else as JSON. token: a token's name."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {self.secrets[token]}")
        if self.is_secure and port in (None, self.api_port):
            connection = http.client.HTTPSConnection(self.address, self.api_port, timeout=seconds,
                                                     context=self.tls_context())
        else:
            connection = http.client.HTTPConnection(self.address, port or self.api_port,
                                                    timeout=seconds)
        try:
            connection.request(method, path, body, sent)
            reply = Reply(connection.getresponse())
        finally:
            connection.close()
        if self.observe is not None:
            self.observe(method, path.removeprefix(self.config["api"].get("base-path", "")), reply)
        return reply

    def timeline(self, name, token):
        """The events of an owner name, oldest first."""
        reply = self.request("GET", f"/v1/challenges/{urllib.parse.quote(name)}/timeline",
                             token=token)
        if reply.status != 200:
            raise ProgramError(f"timeline of {name}: {reply.status} {reply.text}")
        return reply.json()["events"]

    def metrics(self):
        """The text of /metrics."""
        return self.request("GET", "/metrics", port=self.metrics_port).text

    def metric(self, series):
        """The value of one series of /metrics."""
        lines = [line for line in self.metrics().splitlines() if line.startswith(f"{series} ")]
        assert len(lines) == 1, series
        return int(lines[0].split()[1])

    def send_datagram(self, packet, seconds=2):
        """Sends a DNS packet as it is; returns the answer's octets, or None."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(seconds)
            sock.connect((self.address, self.dns_port))
            sock.send(packet)
            try:
                return sock.recv(65535)
            except socket.timeout:
                return None
