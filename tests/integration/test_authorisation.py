"""The table of docs/authorisation.md, row by row, through every door.

Each row gives one pattern to a token and to a TSIG key. What the row allows is presented, served and
cleaned up; what it does not allow changes nothing, not even a value of somebody else that is there.
"""

import base64
import hashlib
import json
import re
import subprocess
import urllib.parse
import uuid

import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from dns01d import ROOT, Dns01d
from dnsask import ask, texts

PARENT = "example.test"
ZONE = "auth.example.test"
CHALLENGE = "_acme-challenge."
ANY_OF_OURS = "any `_acme-challenge.` name of ours"
ROW = re.compile(r"^\| `(names|owners): (\[.*\])` \| (.+?) \| (yes|no)\b.*\|$")


def read_table():
    """[(kind of pattern, patterns, asked owner name, allowed)]."""
    rows = []
    for line in (ROOT / "docs" / "authorisation.md").read_text().splitlines():
        found = ROW.match(line)
        if not found:
            continue
        kind, patterns, asked, allowed = found.groups()
        names = [f"{CHALLENGE}{PARENT}", f"{CHALLENGE}some.host.{ZONE}"] if asked == ANY_OF_OURS \
            else [asked.split("`")[1]]
        patterns = [part.strip(' "') for part in patterns.strip("[]").split(",")]
        rows += [(kind, patterns, name, allowed == "yes") for name in names]
    return rows


# Sentences of the same page beside its table.
EDGES = [
    ("names", ["host.example.test"], "_ACME-Challenge.HOST.Example.Test", True),
    ("names", ["host.example.test"], "_acme-challenge.www.host.example.test", False),
    ("names", ["*.example.test"], "_acme-challenge.host.example.test", True),
    ("names", ["*.example.test"], "_acme-challenge.a.b.example.test", False),
    ("owners", ["**.auth.example.test"], "_acme-challenge.host.example.test", False),
    ("owners", ["_acme-challenge.host.example.test"], "_acme-challenge.host.example.test", True),
]
ROWS = read_table() + EDGES


def credential(row):
    return f"row{ROWS.index(row)}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Dns01d(tmp_path_factory.mktemp("authorisation"),
                  {"api": {"registration": "open", "limits": {"registrations": "0",
                                                              "auth-failures": "0"}}})
    made.config["zones"].append({"name": PARENT, "nameservers": [f"ns1.{ZONE}"]})
    for row in ROWS:
        kind, patterns, _, _ = row
        made.token(credential(row), f"secret-of-the-token-{credential(row)}", **{kind: patterns})
        made.tsig_key(credential(row), credential(row).encode().ljust(32, b"-"),
                      **{kind: patterns})
    made.token("admin", "secret-of-the-administrator", verbs=["admin"])
    with made:
        yield made


def fresh_value():
    return base64.urlsafe_b64encode(hashlib.sha256(uuid.uuid4().bytes).digest())[:43].decode()


def served(server, name):
    return {text.decode() for text in texts(ask((server.address, server.dns_port), name, tcp=True))}


def verdict(reply):
    """True: done. False: 403 `forbidden`. Nothing else comes."""
    if reply.status in (200, 201):
        return True
    assert (reply.status, reply.json()["error"]) == (403, "forbidden"), reply.text
    return False


class Door:
    """present and cleanup return whether they were allowed."""

    def __init__(self, server, who):
        self.server = server
        self.who = who

    @staticmethod
    def expresses(name):
        """Whether a request of this door can ask for the owner name."""
        return True

    def new_value(self):
        return fresh_value()


class Httpreq(Door):
    def _post(self, path, name, value):
        reply = self.server.request("POST", path, {"fqdn": f"{name}.", "value": value},
                                    token=self.who)
        return verdict(reply)

    def present(self, name, value):
        return self._post("/present", name, value)

    def cleanup(self, name, value):
        return self._post("/cleanup", name, value)


class HttpreqRaw(Door):
    """The server makes owner name and value from what the client got from the ACME server."""

    def __init__(self, server, who):
        super().__init__(server, who)
        self.key_authorizations = {}

    @staticmethod
    def expresses(name):
        return name.lower().startswith(CHALLENGE)

    def new_value(self):
        text = f"token.{uuid.uuid4()}"
        value = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        value = value.decode().rstrip("=")
        self.key_authorizations[value] = text
        return value

    def _post(self, path, name, value):
        body = {"domain": name[len(CHALLENGE):], "token": "token",
                "keyAuth": self.key_authorizations[value]}
        return verdict(self.server.request("POST", path, body, token=self.who))

    def present(self, name, value):
        return self._post("/present", name, value)

    def cleanup(self, name, value):
        return self._post("/cleanup", name, value)


class Native(Door):
    def present(self, name, value):
        return verdict(self.server.request("POST", "/v1/challenges",
                                           {"name": name, "value": value}, token=self.who))

    def cleanup(self, name, value):
        query = urllib.parse.urlencode({"name": name, "value": value})
        return verdict(self.server.request("DELETE", f"/v1/challenges?{query}", token=self.who))


class Update(Door):
    def _send(self, change):
        key = dns.tsig.Key(dns.name.from_text(self.who), self.who.encode().ljust(32, b"-"),
                           dns.name.from_text("hmac-sha256"))
        change.use_tsig(key)
        reply = dns.query.udp(change, self.server.address, port=self.server.dns_port, timeout=10)
        if reply.rcode() == dns.rcode.NOERROR:
            return True
        assert reply.rcode() == dns.rcode.REFUSED
        return False

    @staticmethod
    def _zone(name):
        return ZONE if name.lower().endswith("." + ZONE) else PARENT

    def present(self, name, value):
        change = dns.update.Update(self._zone(name))
        change.add(f"{name}.", 60, "TXT", f'"{value}"')
        return self._send(change)

    def cleanup(self, name, value):
        change = dns.update.Update(self._zone(name))
        change.delete(f"{name}.", "TXT", f'"{value}"')
        return self._send(change)


class UpdateOfRRset(Update):
    """Deletes without naming a value."""

    def cleanup(self, name, value):
        change = dns.update.Update(self._zone(name))
        change.delete(f"{name}.", "TXT")
        return self._send(change)


class Socket(Door):
    """dns01ctl on the control socket: an administrator, whatever the row says."""

    def _run(self, *words):
        done = subprocess.run(
            [self.server.build / "dns01ctl", "--socket", self.server.state / "control.sock", *words],
            capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return True

    def present(self, name, value):
        return self._run("present", name, value)

    def cleanup(self, name, value):
        return self._run("cleanup", name, value)


DOORS = [Httpreq, HttpreqRaw, Native, Update, UpdateOfRRset, Socket]
CASES = [pytest.param(row, door, id=f"{row[0]}={','.join(row[1])}-{row[2]}-{door.__name__}")
         for row in ROWS for door in DOORS if door.expresses(row[2])]


def test_the_table_was_read():
    assert len(read_table()) == 9
    assert {allowed for *_, allowed in read_table()} == {True, False}


@pytest.mark.parametrize("row, kind", CASES)
def test_row(server, row, kind):
    _, _, name, allowed = row
    allowed = allowed or kind is Socket
    door = kind(server, credential(row))
    admin = Native(server, "admin")
    value, others = door.new_value(), fresh_value()
    assert admin.present(name, others)
    try:
        assert door.present(name, value) == allowed
        assert served(server, name) == ({value, others} if allowed else {others})
        if not allowed:
            # Something to clean up that the door can name.
            assert admin.present(name, value)
        assert door.cleanup(name, value) == allowed
        assert served(server, name) == ({others} if allowed else {value, others})
    finally:
        assert admin.cleanup(name, others)
        assert admin.cleanup(name, value)
    assert served(server, name) == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}={','.join(row[1])}-{row[2]}")
def test_row_of_a_reader(server, row):
    """Lists and timelines show what one may present, and nothing else."""
    _, _, name, allowed = row
    admin, value = Native(server, "admin"), fresh_value()
    assert admin.present(name, value)
    try:
        reply = server.request("GET", "/v1/challenges", token=credential(row))
        listed = {entry["value"] for entry in reply.json()["challenges"]}
        assert (value in listed) == allowed
        path = f"/v1/challenges/{urllib.parse.quote(name)}/timeline"
        assert verdict(server.request("GET", path, token=credential(row))) == allowed
    finally:
        assert admin.cleanup(name, value)


@pytest.mark.parametrize("kind", [Httpreq, Native, Update, UpdateOfRRset],
                         ids=lambda kind: kind.__name__)
def test_a_value_of_another_stays(server, kind):
    """Both have the right to the name; the clean-up succeeds and changes nothing."""
    row = ("owners", ["x7.auth.example.test"], "x7.auth.example.test", True)
    wide = ("owners", ["**.auth.example.test"], "x7.auth.example.test", True)
    name, value = row[2], fresh_value()
    owner = Native(server, credential(wide))
    assert owner.present(name, value)
    assert kind(server, credential(row)).cleanup(name, value)
    assert served(server, name) == {value}
    assert owner.cleanup(name, value)
    assert served(server, name) == set()


class AcmeDns:
    """An account, which has a right to its own subdomain and to nothing else."""

    def __init__(self, server):
        self.server = server
        self.account = server.request("POST", "/register").json()

    def present(self, subdomain, value):
        reply = self.server.request(
            "POST", "/update", {"subdomain": subdomain, "txt": value},
            headers={"X-Api-User": self.account["username"],
                     "X-Api-Key": self.account["password"]})
        if reply.status == 200:
            return True
        assert (reply.status, json.loads(reply.text)) == (401, {"error": "forbidden"})
        return False


def test_account(server):
    mine, other = AcmeDns(server), AcmeDns(server)
    name, value = mine.account["fulldomain"], fresh_value()
    assert not other.present(mine.account["subdomain"], value)
    assert served(server, name) == set()
    assert mine.present(mine.account["subdomain"], value)
    assert not other.present(mine.account["subdomain"], fresh_value())
    assert served(server, name) == {value}


@pytest.mark.parametrize("subdomain", [
    "x7", "X7", f"x7.{ZONE}", "_acme-challenge", f"_acme-challenge.host.{PARENT}", ""])
def test_account_elsewhere(server, subdomain):
    assert not AcmeDns(server).present(subdomain, fresh_value())
    assert served(server, f"x7.{ZONE}") == set()


def test_account_in_capitals(server):
    """acme-dns compares the subdomain as it stands."""
    account = AcmeDns(server)
    assert not account.present(account.account["subdomain"].upper(), fresh_value())
    assert served(server, account.account["fulldomain"]) == set()
