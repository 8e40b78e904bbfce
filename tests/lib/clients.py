"""ACME clients of Debian that call dns01ctl for their DNS challenges or send UPDATE, each as its
manual says.

Every client has a token or a TSIG key of its own, with the right to its own name only, and asks for a certificate
for that name and its wildcard.
"""

import base64
import os
import pathlib
import shlex
import subprocess

from world import Certificate, find_program

SECONDS = 120
SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def debian_version(package):
    """The version of a package, without Debian's own part (lego calls itself "dev")."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=True,
                          capture_output=True, text=True)
    return done.stdout.split(":")[-1].rsplit("-", 1)[0]


class Client:
    """One client in one mode, run as a shell script in the background."""

    program = None  # Name of the executable.
    protocol = "hook"
    mode = ""

    def __init__(self, name, domain):
        self.name = name  # Of its token, its folder and its log.
        self.domain = domain
        self.domains = [domain, f"*.{domain}"]
        self.names = [domain]  # What it has a right to.
        self.world = None
        self.folder = None
        self.running = None

    @property
    def owner(self):
        return f"_acme-challenge.{self.domain}"

    def noted(self, event):
        """The values of an event in the timeline, of what this client presented."""
        events = self.world.dns01d.timeline(self.owner, self.name)
        return {entry["value"] for entry in events
                if entry["event"] == event and entry["owner"] == self.holder}

    @property
    def holder(self):
        """Whose the values are that it presents."""
        return f"token:{self.name}"

    @property
    def directory(self):
        return "https://{}:{}/dir".format(*self.world.pebble)

    @property
    def hook(self):
        return str(self.world.dns01d.build / "dns01ctl")

    def join(self, world):
        """Makes its token; before dns01d starts."""
        self.world = world
        self.folder = world.folder / self.name
        self.folder.mkdir()
        world.dns01d.token(self.name, f"a-secret-of-the-acme-client-{self.name}",
                           names=list(self.names))

    def unavailable(self):
        """Why it cannot run on this machine, or nothing."""
        return ""

    def environment(self):
        return dict(self.world.environment, DNS01CTL_URL=self.world.dns01d.api_url,
                    DNS01CTL_TOKEN_FILE=str(self.world.dns01d.token_file(self.name)))

    def commands(self):
        """The commands to run, one after the other while they succeed."""
        raise NotImplementedError

    def certificates(self):
        """[(Certificate, domains)] that it should have got."""
        raise NotImplementedError

    def start(self):
        script = " && ".join(shlex.join(map(str, words)) for words in self.commands())
        self.running = self.world.start(self.name, ["/bin/sh", "-c", script], self.environment())

    def finish(self):
        """Waits for its end; returns (exit status, output)."""
        status = self.running.wait(SECONDS)
        self.running.stop()
        return status, "\n".join(self.running.lines())


class Updating(Client):
    """It sends UPDATE itself, with a TSIG key for its name; its token only reads the timeline."""

    protocol = "RFC 2136"
    algorithm = "hmac-sha256"

    def join(self, world):
        super().join(world)
        world.dns01d.config["tokens"][-1]["verbs"] = ["read"]
        self.secret = self.name.encode().ljust(32, b"-")
        world.dns01d.tsig_key(self.name, self.secret, names=list(self.names))

    @property
    def holder(self):
        return f"tsig:{self.name}"

    @property
    def secret_text(self):
        return base64.b64encode(self.secret).decode()


class LegoProgram(Client):
    """lego as Debian has it; `provider` is what it calls the way to tell the value."""

    program = "lego"
    provider = None

    def environment(self):
        return dict(super().environment(), **self.settings(),
                    LEGO_CA_CERTIFICATES=str(self.world.pebble_certificate))

    def settings(self):
        """What its provider reads from the environment."""
        raise NotImplementedError

    def commands(self):
        return [[find_program("lego"), "--server", self.directory, "--accept-tos", "--email",
                 "hostmaster@example.test", "--path", self.folder, "--key-type", "ec256", "--dns",
                 self.provider, "--dns.disable-cp", "--dns.resolvers",
                 "{}:{}".format(*self.world.unbound),
                 *(part for domain in self.domains for part in ("--domains", domain)), "run"]]

    def certificates(self):
        base = self.folder / "certificates" / self.domains[0]
        return [(Certificate(pathlib.Path(f"{base}.crt"), pathlib.Path(f"{base}.key")),
                 self.domains)]


class LegoUpdate(Updating, LegoProgram):
    """It deletes the whole RRset before it adds a value, in one message over UDP."""

    provider = "rfc2136"
    mode = "UDP"

    def settings(self):
        return {"RFC2136_TSIG_ALGORITHM": f"{self.algorithm}.",
                "RFC2136_NAMESERVER": "{}:{}".format(*self.world.dns01d_server),
                "RFC2136_TSIG_KEY": f"{self.name}.", "RFC2136_TSIG_SECRET": self.secret_text,
                "RFC2136_SEQUENCE_INTERVAL": "1", "RFC2136_POLLING_INTERVAL": "1",
                "RFC2136_PROPAGATION_TIMEOUT": "20"}


class LegoHttpreq(LegoProgram):
    provider = "httpreq"
    protocol = "httpreq"
    mode = "default"

    def settings(self):
        return {"HTTPREQ_ENDPOINT": self.world.dns01d.api_url, "HTTPREQ_USERNAME": self.name,
                "HTTPREQ_PASSWORD": self.world.dns01d.secrets[self.name],
                "HTTPREQ_POLLING_INTERVAL": "1", "HTTPREQ_PROPAGATION_TIMEOUT": "20"}


class CertbotUpdate(Updating):
    """Its plugin signs its SOA queries too, and adds all values over TCP before it waits."""

    program = "certbot"
    mode = "TCP, signed queries"

    def environment(self):
        return dict(self.world.environment,
                    REQUESTS_CA_BUNDLE=str(self.world.pebble_certificate))

    def commands(self):
        credentials = self.folder / "credentials.ini"
        address, port = self.world.dns01d_server
        credentials.write_text(f"""dns_rfc2136_server = {address}
dns_rfc2136_port = {port}
dns_rfc2136_name = {self.name}.
dns_rfc2136_secret = {self.secret_text}
dns_rfc2136_algorithm = {self.algorithm.upper()}
dns_rfc2136_sign_query = true
""")
        credentials.chmod(0o600)
        return [[find_program("certbot"), "certonly", "--config-dir", self.folder, "--work-dir",
                 self.folder, "--logs-dir", self.folder, "--server", self.directory,
                 "--non-interactive", "--agree-tos", "--register-unsafely-without-email",
                 "--dns-rfc2136", "--dns-rfc2136-credentials", credentials,
                 "--dns-rfc2136-propagation-seconds", "0",
                 *(part for domain in self.domains for part in ("-d", domain))]]

    def certificates(self):
        live = self.folder / "live" / self.domains[0]
        return [(Certificate(live / "fullchain.pem", live / "privkey.pem"), self.domains)]


class CertbotMd5(CertbotUpdate):
    """As its manual has it where no algorithm is named."""

    algorithm = "hmac-md5"

    def join(self, world):
        super().join(world)
        world.dns01d.config["tsig-keys"][-1]["algorithm"] = "hmac-sha256"


class Certbot(Client):
    """Two certificates, and both renewed in one process: its environment outlives an order."""

    program = "certbot"
    mode = "manual hooks"

    def __init__(self, name, domain, second):
        super().__init__(name, domain)
        self.second = second

    def join(self, world):
        super().join(world)
        world.dns01d.config["tokens"][-1]["names"].append(self.second)

    def environment(self):
        return dict(self.world.environment,
                    REQUESTS_CA_BUNDLE=str(self.world.pebble_certificate))

    @property
    def folders(self):
        return ["--config-dir", self.folder, "--work-dir", self.folder, "--logs-dir",
                self.folder, "--server", self.directory, "--non-interactive"]

    def order(self, domains):
        hook = shlex.join([self.hook, "--url", self.world.dns01d.api_url, "--token-file",
                           str(self.world.dns01d.token_file(self.name))])
        return [find_program("certbot"), "certonly", *self.folders, "--agree-tos",
                "--register-unsafely-without-email", "--manual", "--preferred-challenges", "dns",
                "--manual-auth-hook", hook, "--manual-cleanup-hook", hook,
                *(part for domain in domains for part in ("-d", domain))]

    def commands(self):
        return [self.order(self.domains), self.order([self.second]),
                [find_program("certbot"), "renew", *self.folders, "--force-renewal",
                 "--no-random-sleep-on-renew"]]

    def certificates(self):
        live = self.folder / "live"
        return [(Certificate(live / name / "fullchain.pem", live / name / "privkey.pem"), domains)
                for name, domains in ((self.domain, self.domains), (self.second, [self.second]))]


class CertbotOnce(Certbot):
    """One certificate."""

    def __init__(self, name, domain):
        super().__init__(name, domain, domain)

    def commands(self):
        return [self.order(self.domains)]

    def certificates(self):
        live = self.folder / "live" / self.domains[0]
        return [(Certificate(live / "fullchain.pem", live / "privkey.pem"), self.domains)]


class Dehydrated(Client):
    program = "dehydrated"
    chain = "yes"

    @property
    def mode(self):
        return f"HOOK_CHAIN={self.chain}"

    def environment(self):
        return self.world.environment

    def commands(self):
        config = self.folder / "config"
        config.write_text(f"""CA={self.directory}
BASEDIR={self.folder}
DOMAINS_TXT={self.folder}/domains.txt
CURL_OPTS="--cacert {self.world.pebble_certificate}"
CHALLENGETYPE=dns-01
HOOK={self.hook}
HOOK_CHAIN={self.chain}
export DNS01CTL_URL={self.world.dns01d.api_url}
export DNS01CTL_TOKEN_FILE={self.world.dns01d.token_file(self.name)}
""")
        (self.folder / "domains.txt").write_text(" ".join(self.domains) + "\n")
        dehydrated = [find_program("dehydrated"), "--config", config]
        return [[*dehydrated, "--register", "--accept-terms"], [*dehydrated, "--cron"]]

    def certificates(self):
        folder = self.folder / "certs" / self.domains[0]
        return [(Certificate(folder / "fullchain.pem", folder / "privkey.pem"), self.domains)]


class DehydratedWithoutChain(Dehydrated):
    chain = "no"


class Uacme(Client):
    """It trusts the system's bundle only, so it sees another one in a mount namespace of its own."""

    program = "uacme"
    mode = "hook"

    @property
    def unshare(self):
        root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        return ["unshare", *root, "--mount"]

    def unavailable(self):
        done = subprocess.run([*self.unshare, "true"], capture_output=True, text=True, check=False)
        return f"no mount namespaces here: {done.stderr.strip()}" if done.returncode else ""

    def commands(self):
        uacme = [find_program("uacme"), "--verbose", "--acme-url", self.directory, "--confdir",
                 self.folder, "--hook", self.hook, "--yes"]
        script = " && ".join(shlex.join(map(str, words)) for words in (
            ["mount", "--bind", self.world.pebble_certificate, SYSTEM_BUNDLE], [*uacme, "new"],
            [*uacme, "issue", *self.domains]))
        return [[*self.unshare, "sh", "-c", script]]

    def certificates(self):
        return [(Certificate(self.folder / self.domain / "cert.pem",
                             self.folder / "private" / self.domain / "key.pem"), self.domains)]


class Lego(LegoProgram):
    provider = "exec"
    protocol = "exec"
    mode = "default"

    def settings(self):
        return {"EXEC_PATH": self.hook, "EXEC_SEQUENCE_INTERVAL": "1",
                "EXEC_POLLING_INTERVAL": "1", "EXEC_PROPAGATION_TIMEOUT": "20"}


class LegoRaw(Lego):
    mode = "RAW"

    def settings(self):
        return dict(super().settings(), EXEC_MODE="RAW")
