"""A small internet on loopback addresses: parent zones on NSD, Unbound as the resolver of Pebble,
dns01d as the server of auth.example.test, and lego as the client that wants certificates.

    root, test., example.test.   NSD    auth.example.test. delegated, _acme-challenge.* are CNAMEs
    auth.example.test.           dns01d
    Pebble -> Unbound -> NSD | dns01d
    lego -> Pebble (ACME), dns01d (httpreq), Unbound (CNAME lookup)
    dns01d -> Unbound (CNAMEs of names that are not its own)

DNS stands on high ports, so Unbound is told where each zone is (stub-zone) in place of following
the delegations to port 53.
"""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import signal
import ssl
import subprocess
import urllib.request

from dns01d import Dns01d
from dnsask import answers, ask
from program import Program, ProgramError, free_address, free_port, wait_until

START_SECONDS = 20
ISSUE_SECONDS = 90
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Validated name -> owner name in auth.example.test that its _acme-challenge CNAME points to.
DELEGATED = {
    "www.example.test": "x7.auth.example.test",
    "mail.example.test": "x8.auth.example.test",
    "shop.example.test": "x9.auth.example.test",
    "lost.example.test": "nobody.auth.example.test",
}


@dataclasses.dataclass
class Certificate:
    """What a client left behind for one order."""

    chain: pathlib.Path
    key: pathlib.Path


def find_program(name):
    path = shutil.which(name, path=SYSTEM_PATH)
    if path is None:
        raise ProgramError(f"{name} is not installed")
    return path


def run_openssl(*arguments):
    done = subprocess.run([find_program("openssl"), *map(str, arguments)], capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise ProgramError(f"openssl {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class World:
    """All the servers. A context manager: what was started is stopped, also half-way.

    delegated: as DELEGATED. dns01d: one made elsewhere, with an address that Unbound's own address
    `outgoing` reaches. nonce_reject: per cent of nonces that Pebble refuses (its default: 5).
    direct: names at or under example.test whose _acme-challenge is delegated to dns01d with NS.
    records: further lines of the zone example.test. stubs: zones of other servers, which Unbound asks
    there: name with its final dot -> (address, port).
    """

    def __init__(self, folder, build=None, delegated=None, dns01d=None, outgoing=None,
                 nonce_reject=None, direct=(), records=(), stubs=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.nsd, self.unbound, self.pebble = (
            (address, free_port(address)) for address in (free_address() for _ in range(3)))
        self.pebble_management = (self.pebble[0], free_port(self.pebble[0]))
        self.pebble_certificate = self.folder / "pebble.crt"
        self.delegated = delegated or DELEGATED
        self.outgoing = outgoing or self.unbound[0]
        self.dns01d = dns01d or Dns01d(self.folder / "dns01d", build=build)
        owners = [name for name in self.delegated.values() if not name.startswith("nobody.")]
        self.dns01d.token("lego", "a-secret-of-the-acme-client-lego", owners=owners)
        if direct:
            self.dns01d.config["delegations"] = [{
                "under": "example.test", "nameservers": ["ns1.auth.example.test"],
                "hostmaster": "hostmaster.example.test"}]
        self.dns01d.config.setdefault("resolver", {"servers": ["{}:{}".format(*self.unbound)]})
        self.direct = [f"_acme-challenge.{name}." for name in direct]
        self.records = list(records)
        self.stubs = dict(stubs or {})
        self.nonce_reject = nonce_reject
        self.pebble_program = None
        self._nsd_program = None
        self.issued = 0
        self._cleanup = contextlib.ExitStack()

    @property
    def dns01d_server(self):
        return (self.dns01d.address, self.dns01d.dns_port)

    @property
    def environment(self):
        """No proxy and no certificate setting of the caller reaches the programs."""
        return {"PATH": SYSTEM_PATH, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def __enter__(self):
        with contextlib.ExitStack() as cleanup:
            self._cleanup = cleanup
            cleanup.callback(self._end_dns01d)
            self.dns01d.start()
            self._start_nsd()
            self._start_unbound()
            self._start_pebble()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind in (None, KeyboardInterrupt):
                self.dns01d.stop()
        finally:
            self._cleanup.close()

    def _end_dns01d(self):
        if self.dns01d.process is not None:
            self.dns01d.process.stop()

    def start(self, name, command, environment=None):
        """A program that ends with the world."""
        program = Program(name, command, self.folder, environment or self.environment)
        self._cleanup.callback(program.stop)
        return program

    # NSD: the parents.

    def _zone(self, name, *records):
        """Writes a zone file whose SOA and NS point to NSD's own address."""
        path = self.folder / f"zone-{name.rstrip('.') or 'root'}"
        lines = [f"$ORIGIN {name}", "$TTL 1",
                 "@ SOA ns.parent.test. hostmaster.parent.test. 1 3600 600 86400 0",
                 "@ NS ns.parent.test.", *records]
        path.write_text("\n".join(lines) + "\n")
        return f'zone:\n  name: "{name}"\n  zonefile: "{path}"\n'

    def _write_example_test(self):
        challenges = [f"_acme-challenge.{name}. CNAME {owner}."
                      for name, owner in self.delegated.items()]
        challenges += [f"{name} NS ns1.auth.example.test." for name in self.direct]
        return self._zone("example.test.", *challenges, *self.records,
                          "auth NS ns1.auth.example.test.",
                          f"ns1.auth A {self.dns01d.address}")

    def delegate(self, domain, owner):
        """Adds the CNAME of one more domain, as its owner does after registering at dns01d."""
        self.delegated = {**self.delegated, domain: owner}
        self._write_example_test()
        self._nsd_program.signal(signal.SIGHUP)
        wait_until(lambda: ask(self.nsd, f"_acme-challenge.{domain}", "CNAME").answer,
                   START_SECONDS, f"the CNAME of {domain}", self._nsd_program)

    def _start_nsd(self):
        address, port = self.nsd
        zones = [
            self._zone(".", "test. NS ns.parent.test.", f"ns.parent.test. A {address}"),
            self._zone("test.", f"ns.parent A {address}", "example NS ns.parent.test."),
            self._write_example_test(),
        ]
        config = self.folder / "nsd.conf"
        config.write_text(f"""server:
  ip-address: {address}@{port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{self.folder}"
  database: ""
  zonelistfile: "{self.folder}/nsd.zonelist"
  xfrdfile: "{self.folder}/nsd.xfrd"
  xfrdir: "{self.folder}"
  pidfile: "{self.folder}/nsd.pid"
  logfile: ""
  minimal-responses: yes
remote-control:
  control-enable: no
""" + "".join(zones))
        self._nsd_program = self.start("nsd", [find_program("nsd"), "-d", "-c", config])
        wait_until(lambda: answers(self.nsd, "example.test."), START_SECONDS, "NSD",
                   self._nsd_program)

    # Unbound: the resolver of the certificate authority.

    def _start_unbound(self):
        address, port = self.unbound
        stubs = [(".", self.nsd), ("test.", self.nsd), ("example.test.", self.nsd),
                 ("auth.example.test.", self.dns01d_server),
                 *((name, self.dns01d_server) for name in self.direct), *self.stubs.items()]
        config = self.folder / "unbound.conf"
        config.write_text(f"""server:
  interface: {address}@{port}
  outgoing-interface: {self.outgoing}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: "{self.folder}/unbound.pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  do-daemonize: no
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "test." nodefault
  use-caps-for-id: yes
  qname-minimisation: yes
  harden-referral-path: yes
  edns-buffer-size: 1232
remote-control:
  control-enable: no
""" + "".join(f'stub-zone:\n  name: "{name}"\n  stub-addr: {server[0]}@{server[1]}\n'
              for name, server in stubs))
        unbound = self.start("unbound", [find_program("unbound"), "-d", "-c", config])
        wait_until(lambda: answers(self.unbound, "example.test."), START_SECONDS, "Unbound", unbound)
        wait_until(lambda: answers(self.unbound, "auth.example.test."), START_SECONDS,
                   "auth.example.test through Unbound", unbound)

    # Pebble: the certificate authority.

    def _start_pebble(self):
        key = self.folder / "pebble.key"
        run_openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-days", "2", "-subj", "/CN=pebble", "-keyout", key,
                    "-out", self.pebble_certificate,
                    "-addext", f"subjectAltName=IP:{self.pebble[0]}")
        config = self.folder / "pebble.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": "{}:{}".format(*self.pebble),
            "managementListenAddress": "{}:{}".format(*self.pebble_management),
            "certificate": str(self.pebble_certificate),
            "privateKey": str(key),
            "httpPort": free_port(self.pebble[0]),
            "tlsPort": free_port(self.pebble[0]),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }}))
        environment = dict(self.environment, PEBBLE_VA_NOSLEEP="1", PEBBLE_VA_ALWAYS_VALID="0",
                           PEBBLE_AUTHZREUSE="0")
        if self.nonce_reject is not None:
            environment["PEBBLE_WFE_NONCEREJECT"] = str(self.nonce_reject)
        self.pebble_program = self.start("pebble", [find_program("pebble"), "-strict", "-config", config, "-dnsserver",
                                        "{}:{}".format(*self.unbound)], environment)
        wait_until(lambda: self._pebble_get(self.pebble, "/dir"), START_SECONDS, "Pebble",
                   self.pebble_program)

    def _pebble_get(self, server, path):
        """The body of a page of Pebble's, or None while it does not listen."""
        context = ssl.create_default_context(cafile=self.pebble_certificate)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open("https://{}:{}{}".format(*server, path), timeout=5) as reply:
                return reply.read()
        except OSError:
            return None

    # lego: the client.

    def issue(self, *domains, user="lego", secret=None, endpoint=None, raw=False):
        """Lets lego ask for one certificate for domains; returns (Certificate or None, output).

        It presents to dns01d as `user`, unless another secret or httpreq endpoint is given. raw:
        dns01d computes owner name and value.
        """
        path = self.folder / ("lego-" + "-".join(name.replace("*", "_") for name in domains))
        environment = dict(
            self.environment, LEGO_CA_CERTIFICATES=str(self.pebble_certificate),
            HTTPREQ_ENDPOINT=endpoint or self.dns01d.api_url, HTTPREQ_USERNAME=user,
            HTTPREQ_PASSWORD=secret or self.dns01d.secrets[user], HTTPREQ_POLLING_INTERVAL="1",
            HTTPREQ_PROPAGATION_TIMEOUT="20")
        if raw:
            environment["HTTPREQ_MODE"] = "RAW"
        if self.dns01d.is_secure:
            environment["SSL_CERT_FILE"] = self.dns01d.config["api"]["tls"]["certificate"]
        command = [find_program("lego"), "--server", "https://{}:{}/dir".format(*self.pebble),
                   "--accept-tos", "--email", "hostmaster@example.test", "--path", str(path),
                   "--key-type", "ec256", "--dns", "httpreq", "--dns.disable-cp",
                   "--dns.resolvers", "{}:{}".format(*self.unbound)]
        for domain in domains:
            command += ["--domains", domain]
        lego = self.start(path.name, [*command, "run"], environment)
        status = lego.wait(ISSUE_SECONDS)
        lego.stop()
        output = "\n".join(lego.lines())
        if status != 0:
            return None, output
        self.issued += 1
        base = path / "certificates" / domains[0].replace("*", "_")
        return Certificate(base.with_name(base.name + ".crt"),
                           base.with_name(base.name + ".key")), output

    def verify(self, certificate, domains):
        """Raises unless Pebble's root vouches for it, for exactly domains, and the key is its."""
        root = self.folder / "pebble-root.pem"
        body = self._pebble_get(self.pebble_management, "/roots/0")
        if body is None:
            raise ProgramError("Pebble does not tell its root")
        root.write_bytes(body)
        run_openssl("verify", "-CAfile", root, "-untrusted", certificate.chain, certificate.chain)
        text = run_openssl("x509", "-in", certificate.chain, "-noout", "-ext", "subjectAltName")
        names = {part.strip().removeprefix("DNS:") for part in text.split("\n", 1)[1].split(",")}
        if names != set(domains):
            raise ProgramError(f"the certificate is for {sorted(names)}, not {sorted(domains)}")
        public = run_openssl("x509", "-in", certificate.chain, "-noout", "-pubkey")
        if public != run_openssl("pkey", "-in", certificate.key, "-pubout"):
            raise ProgramError("the certificate is not for the client's key")
