"""One conversation with a server of the acme-dns API and its DNS: each step yields named fields,
which can be compared between two servers."""

import http.client
import json
import re

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype

ZONE = "auth.example.test"
VALUES = ["first-value-of-forty-three-characters-00001",
          "second-value-of-forty-three-characters-0002",
          "third-value-of-forty-three-characters-00003"]
UNKNOWN_USER = "c36f50e8-4632-44f0-83fe-e070fef28a10"
# Values that differ at each registration, as what they look like.
SHAPES = [("UUID", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), ("KEY", r"[A-Za-z0-9_-]{40}"),
          ("UUID." + ZONE, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\." + re.escape(ZONE))]


def shape(value):
    if isinstance(value, str):
        for name, pattern in SHAPES:
            if re.fullmatch(pattern, value):
                return name
    return value


class Conversation:
    """With one server: api and dns are (address, port). results: [(step, {field: text})]."""

    def __init__(self, api, dns_server):
        self.api = api
        self.dns = dns_server
        self.results = []

    def note(self, step, **fields):
        self.results.append((step, {name.replace("_", " "): str(value)
                                    for name, value in fields.items()}))

    # HTTP.

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(*self.api, timeout=20)
        try:
            connection.putrequest(method, path)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None or method == "POST":
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            connection.close()

    def http(self, step, method, path, body=None, headers=None):
        """One request; its reply's fields are noted, its JSON object is returned, or None."""
        body = body.encode() if isinstance(body, str) else body
        reply, text = self.request(method, path, body, headers)
        fields = {"status": reply.status,
                  "Content-Type": reply.headers.get("Content-Type", "none")}
        if "Access-Control-Allow-Origin" in reply.headers or "Origin" in (headers or {}):
            fields["CORS"] = reply.headers.get("Access-Control-Allow-Origin", "none")
        parsed = None
        try:
            parsed = json.loads(text)
            fields["lines"] = len(text.decode().rstrip("\n").split("\n"))
            fields["body"] = json.dumps({key: shape(value) for key, value in parsed.items()})
        except (ValueError, AttributeError):
            fields["body"] = text.decode() or "empty"
        self.note(step, **fields)
        return parsed

    def register(self, body):
        """An account; nothing is noted."""
        reply, text = self.request("POST", "/register", body.encode())
        assert reply.status == 201, text
        return json.loads(text)

    def update(self, step, account, body, **headers):
        if not isinstance(body, str):
            body = json.dumps(body)
        sent = {"X_Api_User": account["username"], "X_Api_Key": account["password"], **headers}
        return self.http(step, "POST", "/update", body,
                         {name.replace("_", "-"): value for name, value in sent.items()
                          if value is not None})

    # DNS.

    def ask(self, step, name, kind="TXT", rdclass="IN", tcp=False, opcode=None, edns=None):
        query = dns.message.make_query(name, kind, rdclass)
        if edns is not None:
            query.use_edns(edns, payload=4096)
        if opcode is not None:
            query.set_opcode(opcode)
        send = dns.query.tcp if tcp else dns.query.udp
        try:
            reply = send(query, self.dns[0], port=self.dns[1], timeout=3)
        except dns.exception.Timeout:
            self.note(step, rcode="no answer")
            return
        answers = sorted(f"{rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {record.to_text()}"
                         for rrset in reply.answer for record in rrset
                         if rrset.rdtype != dns.rdatatype.SOA)
        soas = [record for section in (reply.answer, reply.authority) for rrset in section
                if rrset.rdtype == dns.rdatatype.SOA for record in rrset]
        self.note(step, rcode=dns.rcode.to_text(reply.rcode()),
                  authoritative="yes" if reply.flags & dns.flags.AA else "no",
                  answer="; ".join(answers) or "empty",
                  authority=" ".join(sorted({dns.rdatatype.to_text(rrset.rdtype)
                                             for rrset in reply.authority})) or "empty",
                  **({"SOA_minimum": soas[0].minimum, "SOA_timers":
                      f"{soas[0].refresh} {soas[0].retry} {soas[0].expire}"} if soas else {}),
                  **({"EDNS_size": reply.payload} if reply.edns >= 0 else {}))


REGISTER_BODIES = [
    ("an empty object", "{}"), ("`null` (goacmedns)", "null\n"),
    ("`allowfrom`", '{"allowfrom": ["192.0.2.0/24", "2001:db8::/32"]}'),
    ("`AllowFrom` (goacmedns before 0.2)", '{"AllowFrom":["192.0.2.0/24"]}'),
    ("a range with host bits", '{"allowfrom": ["192.168.100.1/24"]}'),
    ("an IPv6 range in brackets", '{"allowfrom": ["[2001:db8::1]/64"]}'),
    ("an address without a mask", '{"allowfrom": ["192.0.2.1"]}'),
    ("no address", '{"allowfrom": ["nonsense/8"]}'),
    ("a mask that is too long", '{"allowfrom": ["192.0.2.1/33"]}'),
    ("a string in place of a list", '{"allowfrom": "192.0.2.0/24"}'),
    ("`allowfrom` that is null", '{"allowfrom": null}'),
    ("keys it does not know", '{"contact": "somebody", "allowfrom": []}'),
    ("broken JSON", '{"allowfrom'), ("a JSON list", "[]"), ("no JSON", "whatever"),
    ("text after the JSON", "{} {}"),
    ("a repeated key", '{"allowfrom": [], "allowfrom": ["192.0.2.0/24"]}'),
]


def talk_register(talk):
    account = talk.http("register without a body", "POST", "/register")
    for what, body in REGISTER_BODIES:
        talk.http(f"register with {what}", "POST", "/register", body)
    talk.http("register as text/plain (win-acme)", "POST", "/register", None,
              {"Content-Type": "text/plain; charset=utf-8"})
    talk.http("register as a form (curl)", "POST", "/register", "{}",
              {"Content-Type": "application/x-www-form-urlencoded"})
    talk.http("register with credentials that nobody asked for", "POST", "/register", "{}",
              {"Authorization": "Basic d2hvOmV2ZXI="})
    talk.http("register by a page of another site", "POST", "/register", "{}",
              {"Origin": "https://www.example.org", "Content-Type": "text/plain"})
    return account


def talk_update_refused(talk, account):
    own = account["subdomain"]
    good = {"subdomain": own, "txt": VALUES[0]}
    other = talk.http("register another", "POST", "/register", "{}")
    narrow = talk.http("register for another network", "POST", "/register",
                       '{"allowfrom": ["192.0.2.0/24"]}')
    for what, headers in [
            ("an unknown user", {"X_Api_User": UNKNOWN_USER}),
            ("a user that is no UUID", {"X_Api_User": "nobody"}), ("no user", {"X_Api_User": None}),
            ("a wrong key", {"X_Api_Key": "A" * 40}), ("a short key", {"X_Api_Key": "A" * 39}),
            ("no key", {"X_Api_Key": None}),
            ("another account's key", {"X_Api_Key": other["password"]})]:
        talk.update(f"update with {what}", account, good, **headers)
    for what, body in [
            ("of another's subdomain", {"subdomain": other["subdomain"], "txt": VALUES[0]}),
            ("of its own subdomain in capitals", {"subdomain": own.upper(), "txt": VALUES[0]}),
            ("without a subdomain", {"txt": VALUES[0]}), ("with an empty body", ""),
            ("with broken JSON", '{"subdomain'), ("with a JSON list", "[]"),
            ("with a number as value", '{"subdomain": "%s", "txt": 1}' % own),
            ("without a value", {"subdomain": own}),
            ("with an empty value", {"subdomain": own, "txt": ""}),
            ("with 42 characters", {"subdomain": own, "txt": VALUES[0][:-1]}),
            ("with 44 characters", {"subdomain": own, "txt": VALUES[0] + "4"}),
            ("with a character outside base64url", {"subdomain": own, "txt": "=" + VALUES[0][1:]})]:
        talk.update(f"update {what}", account, body)
    talk.update("update from outside `allowfrom`", narrow,
                {"subdomain": narrow["subdomain"], "txt": VALUES[0]})
    talk.update("update from outside, with X-Forwarded-For", narrow,
                {"subdomain": narrow["subdomain"], "txt": VALUES[0]},
                X_Forwarded_For="192.0.2.7")


def talk_update(talk, account):
    """Each accepted one presents the first value again."""
    own = {"subdomain": account["subdomain"], "txt": VALUES[0]}
    talk.update("update", account, own)
    old = {"SubDomain": account["subdomain"], "Txt": VALUES[0]}
    talk.update("update with keys in capitals (goacmedns before 0.2)", account, old)
    talk.update("update as a form (acme.sh, Posh-ACME)", account, own,
                Content_Type="application/x-www-form-urlencoded")
    talk.update("update as text/plain (Certify)", account, own, Content_Type="text/plain")
    talk.update("update with a repeated key", account,
                '{"subdomain": "%s", "txt": "%s", "txt": "%s"}'
                % (account["subdomain"], VALUES[0], VALUES[0]))
    talk.update("update with keys it does not know", account, {**own, "extra": 1})
    user = account["username"]
    for what, form in [("in capitals", user.upper()), ("without dashes", user.replace("-", "")),
                       ("in braces", "{%s}" % user), ("as a URN", f"urn:uuid:{user}")]:
        talk.update(f"update with the user {what}", account, own, X_Api_User=form)


def talk_http(talk):
    talk.http("health", "GET", "/health")
    talk.http("an unknown path", "GET", "/nowhere")
    talk.http("GET of /register", "GET", "/register")
    talk.http("GET of /update", "GET", "/update")
    talk.http("POST to /health", "POST", "/health")
    talk.http("a preflight of CORS", "OPTIONS", "/update",
              headers={"Origin": "https://www.example.org",
                       "Access-Control-Request-Method": "POST"})


def talk_dns_values(talk, account):
    name = account["fulldomain"]
    talk.ask("TXT of the account", name)
    talk.ask("TXT over TCP", name, tcp=True)
    talk.ask("TXT with EDNS", name, edns=0)
    talk.ask("A of the account", name, "A")
    talk.ask("ANY of the account", name, "ANY", tcp=True)
    talk.ask("TXT below the account", f"below.{name}")
    talk.ask("the account's label in another zone", f"{account['subdomain']}.example.org")
    talk.ask("TXT in class CH", name, rdclass="CH")
    for count in (2, 3):
        talk.update(f"update with value {count}", account,
                    {"subdomain": account["subdomain"], "txt": VALUES[count - 1]})
        if count == 2:
            talk.ask("TXT with two values", name)
    query = dns.message.make_query(name, "TXT")
    reply = dns.query.tcp(query, talk.dns[0], port=talk.dns[1], timeout=3)
    held = {record.strings[0].decode() for rrset in reply.answer for record in rrset}
    # Which of the first two acme-dns overwrote within one second is chance.
    talk.note("TXT with three values", values=len(held),
              newest="there" if VALUES[2] in held else "missing")


def talk_dns(talk):
    talk.ask("SOA of the zone", ZONE, "SOA")
    talk.ask("NS of the zone", ZONE, "NS")
    talk.ask("A of the name server", f"ns1.{ZONE}", "A")
    talk.ask("AAAA of the name server", f"ns1.{ZONE}", "AAAA")
    talk.ask("A of a name that does not exist", f"nobody.{ZONE}", "A")
    talk.ask("TXT of a name that does not exist", f"nobody.{ZONE}")
    talk.ask("SOA of a name outside", "www.example.org", "SOA")
    talk.ask("EDNS version 1", ZONE, "SOA", edns=1)
    talk.ask("NOTIFY", ZONE, "SOA", opcode=dns.opcode.NOTIFY)
    talk.ask("UPDATE without a key", ZONE, "SOA", opcode=dns.opcode.UPDATE)
    talk.ask("opcode STATUS", ZONE, "SOA", opcode=dns.opcode.STATUS)


def talk_all(api, dns_server):
    """The whole conversation; returns [(step, fields)]."""
    talk = Conversation(api, dns_server)
    account = talk_register(talk)
    talk.ask("TXT before the first update", account["fulldomain"])
    talk.ask("A before the first update", account["fulldomain"], "A")
    talk_update_refused(talk, account)
    talk.ask("TXT after refused updates", account["fulldomain"])
    talk_update(talk, account)
    talk_dns_values(talk, account)
    talk_http(talk)
    talk_dns(talk)
    return talk.results
