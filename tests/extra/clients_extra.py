"""ACME clients from npm and from Go modules, each in one mode, for a name and its wildcard."""

import json
import subprocess

import counterparts
from clients import Client, Lego, LegoHttpreq, LegoProgram, LegoUpdate, Updating
from counterparts import ACME_CLIENT, CADDY, LEGO, Unavailable
from program import wait_until
from world import Certificate

ZONE = "auth.example.test"
PARENT = "example.test"
ISSUE_SECONDS = 90
# The API as acme-dns is mostly run: whoever asks gets an account.
OPEN = {"registration": "open", "limits": {"registrations": "0", "auth-failures": "0"}}


def register(world):
    """An account, as acme-dns' users make it."""
    reply = world.dns01d.request("POST", "/register")
    assert reply.status == 201, reply.text
    return reply.json()


class Extra(Client):
    """made: the program it needs; module: whose version is the client's own."""

    made = None
    module = None
    fault = None  # What went wrong at its start.

    def unavailable(self):
        try:
            self.made.find()
        except Unavailable as why:
            return str(why)
        return ""

    @property
    def version(self):
        return self.made.version(self.module)

    def certificates(self):
        base = self.folder / self.domains[0]
        return [(Certificate(base.with_name(base.name + ".crt"),
                             base.with_name(base.name + ".key")), self.domains)]


class AcmeClient(Extra):
    program = "acme-client (npm)"
    made = ACME_CLIENT
    module = "acme-client"
    doors = {"httpreq": ("httpreq", "default"), "v1": ("native API", "/v1/challenges")}

    def __init__(self, name, domain, door):
        super().__init__(name, domain)
        self.door = door
        self.protocol, self.mode = self.doors[door]

    def environment(self):
        return dict(self.world.environment, NODE_PATH=str(self.made.find() / "node_modules"),
                    NODE_EXTRA_CA_CERTS=str(self.world.pebble_certificate))

    def commands(self):
        dns01d = self.world.dns01d
        return [[self.made.node(), counterparts.HERE / "acme-client" / "issue.js", self.directory,
                 dns01d.api_url, dns01d.token_file(self.name), self.door, self.folder,
                 *self.domains]]


class CurrentLego(Extra, LegoProgram):
    program = "lego (current)"
    made = LEGO
    module = "github.com/go-acme/lego/v5"

    def command(self, domains):
        return [self.made.find(), self.provider, self.directory,
                "{}:{}".format(*self.world.unbound), self.folder, *domains]

    def commands(self):
        return [self.command(self.domains)]


class CurrentHttpreq(CurrentLego, LegoHttpreq):
    pass


class CurrentRaw(CurrentHttpreq):
    mode = "RAW"

    def settings(self):
        return dict(super().settings(), HTTPREQ_MODE="RAW")


class CurrentExec(CurrentLego, Lego):
    pass


class CurrentUpdate(CurrentLego, LegoUpdate):
    pass


class Accounts(Extra):
    """It uses an account of the acme-dns API; its token only reads that name's timeline."""

    protocol = "acme-dns"
    account = None

    def join(self, world):
        super().join(world)
        world.dns01d.config["tokens"][-1].update(verbs=["read"], owners=[f"**.{ZONE}"])

    @property
    def owner(self):
        return self.account["fulldomain"]

    @property
    def holder(self):
        return f"account:{self.account['username']}"


class LegoAcmeDns(Accounts, CurrentLego):
    """Its first run registers and stops with the CNAME to make; that made, the second issues. (For
    more than one domain the first would wait a minute for a value behind a CNAME not yet made.)
    """

    mode = "account file"
    provider = "acme-dns"

    @property
    def storage(self):
        return self.folder / "accounts.json"

    def settings(self):
        return {"ACME_DNS_API_BASE": self.world.dns01d.api_url,
                "ACME_DNS_STORAGE_PATH": str(self.storage)}

    def kept(self):
        """The account that its first run left behind."""
        return json.loads(self.storage.read_text())[self.domain]

    def start(self):
        first = subprocess.run(list(map(str, self.command([self.domain]))),
                               env=self.environment(), capture_output=True, text=True,
                               timeout=ISSUE_SECONDS, check=False)
        self.account = self.kept()
        assert first.returncode != 0
        wanted = f"_acme-challenge.{self.domain}. CNAME {self.account['fulldomain']}."
        assert wanted in first.stderr, first.stderr
        self.world.delegate(self.domain, self.account["fulldomain"])
        super().start()


class LegoAccountStore(LegoAcmeDns):
    """The same with its accounts in dns01d: nothing stays on the host."""

    mode = "account store of dns01d"

    @property
    def store(self):
        host = f"{self.world.dns01d.address}:{self.world.dns01d.api_port}"
        return f"http://{self.name}:{self.world.dns01d.secrets[self.name]}@{host}/v1/account-store"

    def join(self, world):
        super().join(world)
        world.dns01d.config["tokens"][-1]["verbs"].append("register")
        world.dns01d.config["api"]["account-store"] = True

    def settings(self):
        return {"ACME_DNS_API_BASE": self.world.dns01d.api_url,
                "ACME_DNS_STORAGE_BASE_URL": self.store}

    def kept(self):
        reply = self.world.dns01d.request("GET", "/v1/account-store", token=self.name)
        assert reply.status == 200, reply.text
        return reply.json()[self.domain]


class Caddy(Extra):
    """It keeps serving; what it got is in its storage, one certificate for each name."""

    program = "Caddy"
    made = CADDY
    module = "github.com/caddyserver/caddy/v2"

    def provider(self):
        raise NotImplementedError

    def commands(self):
        config = self.folder / "caddy.json"
        issuer = {"module": "acme", "ca": self.directory, "email": "hostmaster@example.test",
                  "trusted_roots_pem_files": [str(self.world.pebble_certificate)],
                  "challenges": {"dns": {"provider": self.provider(),
                                         "resolvers": ["{}:{}".format(*self.world.unbound)],
                                         "propagation_timeout": -1}}}
        config.write_text(json.dumps({
            "admin": {"disabled": True},
            "storage": {"module": "file_system", "root": str(self.folder / "storage")},
            "apps": {"tls": {
                "certificates": {"automate": self.domains},
                "automation": {"policies": [{"subjects": self.domains, "issuers": [issuer]}]}}}}))
        return [[self.made.find(), "run", "--config", config]]

    def start(self):
        [command] = self.commands()
        self.running = self.world.start(self.name, command, self.environment())

    def certificates(self):
        found = []
        for domain in self.domains:
            name = domain.replace("*", "wildcard_")
            for path in (self.folder / "storage").glob(f"certificates/*/{name}/{name}.crt"):
                found.append((Certificate(path, path.with_suffix(".key")), [domain]))
        return found

    def finish(self):
        """Its `certificate obtained` comes when it has stored and cleaned up."""
        try:
            wait_until(lambda: sum("certificate obtained successfully" in line
                                   for line in self.running.lines()) == len(self.domains),
                       ISSUE_SECONDS, "the certificates", self.running)
        finally:
            status = self.running.stop()
        return status, "\n".join(self.running.lines())


class CaddyAcmeDns(Accounts, Caddy):
    mode = "libdns/acmedns"

    def provider(self):
        wanted = {key: self.account[key] for key in ("username", "password", "subdomain")}
        return {"name": "acmedns", "server_url": self.world.dns01d.api_url, **wanted}

    def start(self):
        self.account = register(self.world)
        self.world.delegate(self.domain, self.account["fulldomain"])
        super().start()


class CaddyUpdate(Updating, Caddy):
    mode = "libdns/rfc2136, TCP"

    def provider(self):
        return {"name": "rfc2136", "key_name": f"{self.name}.", "key_alg": self.algorithm,
                "key": self.secret_text, "server": "{}:{}".format(*self.world.dns01d_server)}


CLIENTS = [
    AcmeClient("acme-client", f"node.{ZONE}", "httpreq"),
    AcmeClient("acme-client-v1", f"node1.{ZONE}", "v1"),
    CurrentHttpreq("lego5-httpreq", f"lego5.{ZONE}"),
    CurrentRaw("lego5-raw", f"lego5raw.{ZONE}"),
    CurrentExec("lego5-exec", f"lego5exec.{ZONE}"),
    CurrentUpdate("lego5-update", f"lego5update.{ZONE}"),
    LegoAcmeDns("lego5-acme-dns", f"lego5.{PARENT}"),
    LegoAccountStore("lego5-account-store", f"lego5store.{PARENT}"),
    CaddyAcmeDns("caddy-acme-dns", f"caddy.{PARENT}"),
    CaddyUpdate("caddy-update", f"caddy.{ZONE}"),
]


class FiftyNames(AcmeClient):
    """It asks for all at the same time."""

    def __init__(self, name, domain, door):
        super().__init__(name, domain, door)
        self.domains = [f"n{i}.{domain}" for i in range(50)]
        self.names = [f"*.{domain}"]


FIFTY = FiftyNames("acme-client-many", f"nodemany.{ZONE}", "httpreq")
EVERY = [*CLIENTS, FIFTY]
