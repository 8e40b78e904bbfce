"""A real acme-dns beside dns01d: the same conversation with both, compared field by field.

Every difference must have its reason in REASONS, and every reason its difference. Both are what
docs/acme-dns-comparison.md says; with DNS01D_WRITE_DOCS=1 they are written there. And the database
of that acme-dns, imported.
"""

import http.client
import json
import os
import re
import subprocess

import pytest

import dnsask
from clients_extra import OPEN
from conversation import VALUES, ZONE, Conversation, talk_all
from counterparts import ACME_DNS, Unavailable
from dns01d import ROOT, Dns01d
from realacmedns import AcmeDns

PAGE = ROOT / "docs" / "acme-dns-comparison.md"
VERSION = "2.0.2"  # The tag of the commit that go.mod pins; as a Go module it has no such name.

INTRODUCTION = f"""# acme-dns and dns01d

`./dev test extra` holds one conversation with acme-dns {VERSION} and with dns01d, both with their
defaults and open registration, and compares status, headers, bodies and DNS answers field by field.
What differs must have its reason here; anything else fails the test. This file is written by
`DNS01D_WRITE_DOCS=1 ./dev test extra`."""
# (what, fields, steps, why); the first whose patterns match a difference explains it.
REASONS = [
    ("Known names are NODATA", "rcode", "(TXT|A) (before|after)|^A of the account",
     "An account's name exists from its registration on. NXDOMAIN says that there is nothing "
     "at or below it, for any type, and resolvers keep that: clients that look for A, SOA or "
     "CNAME first then do not find the value."),
    ("Negative answers are not kept", "SOA (minimum|timers)", "",
     "The SOA minimum is how long resolvers keep a negative answer. A day of it fails an "
     "issuance whose name was asked for too early; it is a setting (`negative-ttl`), 0 unless "
     "set. The other timers speak to secondaries."),
    ("TTL of values", "answer", "^TXT (of the account|over|with EDNS|with two)",
     "A value is served with TTL 0 unless `ttl` says otherwise: a client that presents one "
     "value after the other fails behind a cache that keeps the first."),
    ("ANY gives an answer", ".*", "^ANY",
     "RFC 8482: one RRset is enough for ANY, and NXDOMAIN for a name with data is wrong."),
    ("Only zones of ours", "rcode|answer", "another zone|name outside",
     "acme-dns looks at the first label of a question only, so it answers under any zone. "
     "dns01d answers in its zones and says REFUSED elsewhere (RFC 8906), as other servers do."),
    ("Only class IN", ".*", "class CH",
     "There are no data of other classes here."),
    ("Room for answers", "EDNS size", "",
     "1232 octets pass nearly every network unfragmented; 512 is the limit without EDNS."),
    ("NODATA with SOA", "authority", "^AAAA",
     "RFC 2308: without the SOA a resolver cannot keep the answer and may ask again or fail."),
    ("Opcodes", "rcode", "^(NOTIFY|UPDATE)",
     "NOERROR to NOTIFY promises what is not done. UPDATE is served here, with a key: without "
     "one it is REFUSED."),
    ("Values stand side by side", "values", "three values",
     "acme-dns has two places for each account, and the third value takes one. Here values end "
     "with their lease, so several clients may share an account; `txt-policy: rolling-2` is as "
     "acme-dns."),
    ("A repeated key is an error", "status|body", "repeated key",
     "Two readers of one text may take different values of a repeated key, which is how one of "
     "them is deceived. No client sends it."),
    ("No CORS", "CORS", "",
     "No page of another site has business with this API; a browser that asks is not told that "
     "it may. The dashboard is of the same origin."),
    ("Errors are JSON", "body|Content-Type|lines|status",
     "^(an unknown path|GET of|POST to|a preflight)",
     "Clients that read an error as JSON (certbot's hook for acme-dns) fail on plain text. "
     "OPTIONS is a method like others that these paths do not take."),
]


@pytest.fixture
def acme_dns(tmp_path):
    try:
        ACME_DNS.find()
    except Unavailable as why:
        pytest.skip(str(why))
    with AcmeDns(tmp_path, ZONE) as running:
        yield running


def compare(theirs, ours):
    """([(step, field, theirs, ours)] that differ, how many fields were compared)."""
    assert [step for step, _ in theirs] == [step for step, _ in ours]
    differ, compared = [], 0
    for (step, their_fields), (_, our_fields) in zip(theirs, ours):
        for field in dict.fromkeys([*their_fields, *our_fields]):
            compared += 1
            pair = their_fields.get(field, "none"), our_fields.get(field, "none")
            if pair[0] != pair[1]:
                differ.append((step, field, *pair))
    return differ, compared


def explain(differ):
    """{what: [difference]} in the order of REASONS, and the differences without a reason."""
    explained, unexplained = {reason[0]: [] for reason in REASONS}, []
    for difference in differ:
        step, field = difference[:2]
        for what, fields, steps, _ in REASONS:
            if re.fullmatch(fields, field) and re.search(steps, step):
                explained[what].append(difference)
                break
        else:
            unexplained.append(difference)
    return explained, unexplained


def cell(text):
    return text.strip().replace("|", "\\|") or "empty"


def render(explained, steps, compared):
    differ = sum(len(rows) for rows in explained.values())
    lines = [*INTRODUCTION.splitlines(), "",
             f"{len(steps)} steps, {compared} fields compared, {compared - differ} the same, "
             f"{differ} different.", "", "## What differs", ""]
    for what, _, _, why in REASONS:
        lines += [f"### {what}", "", why, "", "| step | field | acme-dns | dns01d |",
                  "| --- | --- | --- | --- |"]
        lines += ["| " + " | ".join(map(cell, row)) + " |" for row in explained[what]] + [""]
    different = {row[0] for rows in explained.values() for row in rows}
    lines += ["## Steps with the same answer in every field", ""]
    lines += [f"- {step}" for step in steps if step not in different]
    return "\n".join(lines) + "\n"


def test_same_conversation(acme_dns, tmp_path):
    theirs = talk_all(acme_dns.api, acme_dns.dns)
    with Dns01d(tmp_path / "dns01d", {"api": OPEN}) as server:
        ours = talk_all((server.address, server.api_port), (server.address, server.dns_port))
    # Each serves its own address as that of ns1.
    for results, address in ((theirs, acme_dns.address), (ours, server.address)):
        for _, fields in results:
            for field, text in fields.items():
                fields[field] = text.replace(address, "its address")
    differ, compared = compare(theirs, ours)
    explained, unexplained = explain(differ)
    assert unexplained == []
    assert [what for what, rows in explained.items() if not rows] == []
    page = render(explained, [step for step, _ in ours], compared)
    if os.environ.get("DNS01D_WRITE_DOCS") == "1":
        PAGE.write_text(page)
    assert PAGE.read_text() == page, \
        f"{PAGE.name} says otherwise; DNS01D_WRITE_DOCS=1 ./dev test extra writes it"


def import_from(server, path):
    done = subprocess.run([server.build / "dns01ctl", "--socket", server.state / "control.sock",
                           "import", "acme-dns", path, "--json"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["refused"] == []
    return found["imported"], found["unchanged"], found["values"]


def send_update(api, account, value):
    connection = http.client.HTTPConnection(*api, timeout=20)
    connection.request("POST", "/update",
                       json.dumps({"subdomain": account["subdomain"], "txt": value}),
                       {"X-Api-User": account["username"], "X-Api-Key": account["password"]})
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply.status, text


def test_its_database_is_imported(acme_dns, tmp_path):
    """The file as acme-dns leaves it, also while it runs; clients go on with what they have."""
    talk = Conversation(acme_dns.api, acme_dns.dns)
    idle, used, narrow = (talk.register(body) for body in
                          ("{}", "{}", '{"allowfrom": ["192.0.2.0/24"]}'))
    for value in VALUES[:2]:
        assert send_update(acme_dns.api, used, value)[0] == 200
    with Dns01d(tmp_path / "dns01d") as server:
        ours = (server.address, server.api_port), (server.address, server.dns_port)
        assert import_from(server, acme_dns.database) == (3, 0, 2)
        late = talk.register("{}")
        acme_dns.program.stop()
        assert import_from(server, acme_dns.database) == (1, 3, 0)
        served = dnsask.texts(dnsask.ask(ours[1], used["fulldomain"]))
        assert {text.decode() for text in served} == set(VALUES[:2])
        for account in (idle, used, late):
            assert send_update(ours[0], account, VALUES[2]) == (
                200, b'{"txt": "%s"}' % VALUES[2].encode())
            served = dnsask.texts(dnsask.ask(ours[1], account["fulldomain"]))
            assert VALUES[2].encode() in served
        assert send_update(ours[0], narrow, VALUES[2])[0] == 401
        assert send_update(ours[0], {**used, "password": "A" * 40}, VALUES[2])[0] == 401
