"""UPDATE (RFC 2136) with TSIG (RFC 8945), by nsupdate, knsupdate and dnspython."""

import base64
import concurrent.futures
import socket
import struct
import subprocess
import time

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from dns01d import Dns01d
from dnsask import ask, texts

ZONE = "auth.example.test"
ALGORITHMS = ["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]
SECRETS = {name: (name.encode() * 32)[:32] for name in
           ["all", "other", "one", "md5", "adding", "admin", "names", *ALGORITHMS]}
EVERYWHERE = {"owners": ["**." + ZONE]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Dns01d(tmp_path_factory.mktemp("server"))
    made.config["dns"]["workers"] = 2
    made.config["zones"][0]["records"] += [
        "www A 192.0.2.80", 'fixed TXT "a static value"', "alias CNAME WWW"]
    made.config["zones"].append({"name": "low." + ZONE, "nameservers": ["ns1." + ZONE]})
    for name in ALGORITHMS:
        made.tsig_key(name, SECRETS[name], name, **EVERYWHERE)
    made.tsig_key("all", SECRETS["all"], **EVERYWHERE)
    made.tsig_key("other", SECRETS["other"], **EVERYWHERE)
    made.tsig_key("one", SECRETS["one"], owners=["only." + ZONE])
    made.tsig_key("names", SECRETS["names"], names=["**"])
    made.tsig_key("adding", SECRETS["adding"], **EVERYWHERE, verbs=["present"])
    made.tsig_key("admin", SECRETS["admin"], verbs=["admin"])
    made.tsig_key("md5", SECRETS["md5"], "hmac-md5", **EVERYWHERE, **{"allow-md5": True})
    made.token("http", "secret-of-token-http", **EVERYWHERE)
    with made:
        yield made


def key_of(name, secret=None, algorithm="hmac-sha256"):
    if name in ALGORITHMS:
        algorithm = name
    if name == "md5":
        algorithm = "hmac-md5.sig-alg.reg.int"
    return dns.tsig.Key(dns.name.from_text(name), secret or SECRETS[name],
                        dns.name.from_text(algorithm))


def new_update(key="all", zone=ZONE):
    update = dns.update.Update(zone)
    if key is not None:
        update.use_tsig(key if isinstance(key, dns.tsig.Key) else key_of(key))
    return update


def send(server, update, tcp=False):
    query = dns.query.tcp if tcp else dns.query.udp
    return query(update, server.address, port=server.dns_port, timeout=10)


def rcode(server, update, tcp=False):
    return dns.rcode.to_text(send(server, update, tcp).rcode())


def values(server, name):
    where = (server.address, server.dns_port)
    answer = ask(where, f"{name}.{ZONE}", "TXT")
    if answer.flags & dns.flags.TC:
        answer = ask(where, f"{name}.{ZONE}", "TXT", tcp=True)
    return sorted(text.decode() for text in texts(answer))


def add(server, name, value, key="all"):
    update = new_update(key)
    update.add(name, 60, "TXT", value)
    assert rcode(server, update) == "NOERROR"


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("key", [*ALGORITHMS, "md5"])
def test_every_algorithm(server, key, tcp):
    name = f"{key}-{tcp}".lower()
    update = new_update(key)
    update.add(name, 120, "TXT", "value-1")
    answer = send(server, update, tcp)
    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.had_tsig
    assert values(server, name) == ["value-1"]


def test_the_ttl_is_ours(server):
    update = new_update()
    update.add("ttl", 86400, "TXT", "v")
    assert rcode(server, update) == "NOERROR"
    answer = ask((server.address, server.dns_port), "ttl." + ZONE, "TXT")
    assert answer.answer[0].ttl == 0


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_unsigned_is_refused(server, tcp):
    update = new_update(None)
    update.add("unsigned", 60, "TXT", "v")
    assert rcode(server, update, tcp) == "REFUSED"
    assert values(server, "unsigned") == []


def tsig_error(server, key, tcp=False):
    update = new_update(key)
    update.add("wrong", 60, "TXT", "v")
    wire = update.to_wire()
    answer = raw(server, wire, tcp)
    assert answer[3] & 0xF == dns.rcode.NOTAUTH
    assert values(server, "wrong") == []
    # Without a keyring dnspython does not check the record, but does not read it either.
    return answer


def raw(server, wire, tcp=False):
    if not tcp:
        return server.send_datagram(wire, seconds=5)
    with socket.create_connection((server.address, server.dns_port), timeout=5) as stream:
        stream.sendall(struct.pack("!H", len(wire)) + wire)
        return frame(stream)


def frame(stream):
    def exactly(count):
        got = b""
        while len(got) < count:
            more = stream.recv(count - len(got))
            assert more, "the connection was closed"
            got += more
        return got

    return exactly(struct.unpack("!H", exactly(2))[0])


def tsig_fields(answer):
    """MAC size, error, other data of the TSIG record that ends the answer."""
    at = answer.rindex(b"\x00\x00\xfa\x00\xff\x00\x00\x00\x00") + 11
    while answer[at]:
        at += 1 + answer[at]
    at += 1 + 8
    size = struct.unpack_from("!H", answer, at)[0]
    error, other = struct.unpack_from("!HH", answer, at + 2 + size + 2)
    return size, error, answer[at + 2 + size + 6:]


def test_unknown_key_is_badkey(server):
    answer = tsig_error(server, key_of("nobody", b"x" * 32))
    assert tsig_fields(answer) == (0, dns.rcode.BADKEY, b"")


def test_other_algorithm_is_badkey(server):
    answer = tsig_error(server, key_of("all", algorithm="hmac-sha512"))
    assert tsig_fields(answer) == (0, dns.rcode.BADKEY, b"")


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_wrong_secret_is_badsig(server, tcp):
    answer = tsig_error(server, key_of("all", b"y" * 32), tcp)
    assert tsig_fields(answer) == (0, dns.rcode.BADSIG, b"")


def test_wrong_time_is_badtime_and_signed(server, monkeypatch):
    now = time.time()
    update = new_update()
    update.add("wrong", 60, "TXT", "v")
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    wire = update.to_wire()
    monkeypatch.undo()
    answer = raw(server, wire)
    assert answer[3] & 0xF == dns.rcode.NOTAUTH
    size, error, other = tsig_fields(answer)
    assert (size, error) == (32, dns.rcode.BADTIME)
    assert abs(int.from_bytes(other, "big") - now) < 60
    assert values(server, "wrong") == []
    with pytest.raises(dns.tsig.PeerBadTime):
        monkeypatch.setattr(time, "time", lambda: now - 3600)
        dns.message.from_wire(answer, keyring=update.keyring, request_mac=update.mac)


def test_another_class_or_zone_is_notauth(server):
    for zone in ["example.test", "www." + ZONE, "other.test", "."]:
        assert rcode(server, new_update(zone=zone)) == "NOTAUTH", zone
    chaos = new_update()
    chaos.zone[0].rdclass = dns.rdataclass.CH
    assert raw(server, chaos.to_wire())[3] & 0xF == dns.rcode.NOTAUTH


def test_names_outside_are_notzone(server):
    for name in ["x.example.test.", "x.low." + ZONE + ".", "other.test."]:
        update = new_update()
        update.add(name, 60, "TXT", "v")
        assert rcode(server, update) == "NOTZONE", name
        update = new_update()
        update.present(name)
        assert rcode(server, update) == "NOTZONE", name


def test_a_zone_below_takes_its_own(server):
    update = new_update(zone="low." + ZONE)
    update.add("x", 60, "TXT", "lower")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "x.low") == ["lower"]


@pytest.mark.parametrize("kind, data", [
    ("A", "192.0.2.1"), ("CNAME", "www." + ZONE + "."), ("NS", "ns1." + ZONE + "."),
    ("CAA", '0 issue "x"'), ("TXT", '"two" "strings"'), ("TXT", '""')])
def test_only_txt_of_one_string_is_taken(server, kind, data):
    update = new_update()
    update.add("kinds", 60, kind, data)
    assert rcode(server, update) == "REFUSED"


def test_absent_things_are_deleted_well(server):
    update = new_update()
    update.delete("absent", "A")
    update.delete("absent", "TXT", "nothing")
    update.delete("absent", "TXT", '"two" "strings"')
    update.delete("absent", "MX", "10 mx.example.test.")
    update.delete("absent2", "TXT")
    update.delete("absent3")
    assert rcode(server, update) == "NOERROR"


def test_static_records_stay(server):
    for change in [lambda u: u.add("fixed", 60, "TXT", "v"), lambda u: u.add("alias", 60, "TXT", "v"),
                   lambda u: u.delete("fixed", "TXT"), lambda u: u.delete("www", "A"),
                   lambda u: u.delete("www"), lambda u: u.delete(ZONE + ".", "SOA"),
                   lambda u: u.delete("fixed", "TXT", '"a static value"')]:
        update = new_update()
        change(update)
        assert rcode(server, update) == "REFUSED"
    assert values(server, "fixed") == ["a static value"]


def test_rights(server):
    def try_at(key, name, verb="add"):
        update = new_update(key)
        if verb == "add":
            update.add(name, 60, "TXT", "v")
        else:
            update.delete(name, "TXT")
        return rcode(server, update)

    assert try_at("one", "only") == "NOERROR"
    assert try_at("one", "else") == "REFUSED"
    assert try_at("one", "else", "delete") == "REFUSED"
    assert try_at("names", "_acme-challenge.host") == "NOERROR"
    assert try_at("names", "x7") == "REFUSED"
    assert try_at("adding", "adding") == "NOERROR"
    assert try_at("adding", "adding", "delete") == "REFUSED"
    assert try_at("admin", "anything") == "NOERROR"
    assert values(server, "adding") == ["v"]
    assert values(server, "else") == []


def test_all_or_nothing(server):
    update = new_update("one")
    update.add("only", 60, "TXT", "not-alone")
    update.add("foreign", 60, "TXT", "v")
    assert rcode(server, update) == "REFUSED"
    assert "not-alone" not in values(server, "only")
    update = new_update()
    update.add("some1", 60, "TXT", "v")
    update.add("some2", 60, "A", "192.0.2.1")
    assert rcode(server, update) == "REFUSED"
    assert values(server, "some1") == []


def test_several_names_in_one(server):
    update = new_update()
    for i in range(100):
        update.add(f"n{i}.many", 60, "TXT", f"value-{i}")
    assert rcode(server, update, tcp=True) == "NOERROR"
    for i in range(100):
        assert values(server, f"n{i}.many") == [f"value-{i}"]
    update = new_update()
    for i in range(100):
        update.delete(f"n{i}.many", "TXT", f"value-{i}")
    assert rcode(server, update, tcp=True) == "NOERROR"
    assert [values(server, f"n{i}.many") for i in range(100)] == [[]] * 100


def test_deletes_touch_only_ones_own(server):
    add(server, "shared", "mine")
    add(server, "shared", "theirs", "other")
    add(server, "shared", "both")
    add(server, "shared", "both", "other")
    update = new_update()
    update.delete("shared", "TXT")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "shared") == ["both", "theirs"]
    update = new_update()
    update.delete("shared", "TXT", "theirs")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "shared") == ["both", "theirs"]
    update = new_update("other")
    update.delete("shared")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "shared") == []


def test_values_of_other_doors_stay(server):
    name = "doors." + ZONE
    reply = server.request("POST", "/v1/challenges", token="http",
                           body={"name": name, "value": "by-http"})
    assert reply.status == 201
    update = new_update()
    update.delete("doors", "TXT")
    update.add("doors", 60, "TXT", "by-update")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "doors") == ["by-http", "by-update"]
    update = new_update("admin")
    update.delete("doors", "TXT", "by-http")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "doors") == ["by-update"]


def test_lego_replaces_its_value(server):
    for value in ["first", "second"]:
        update = new_update()
        update.delete("lego", "TXT")
        update.add("lego", 120, "TXT", value)
        assert rcode(server, update) == "NOERROR"
        assert values(server, "lego") == [value]


def test_changes_are_made_in_their_order(server):
    update = new_update()
    update.add("order", 60, "TXT", "a")
    update.add("order", 60, "TXT", "b")
    update.delete("order", "TXT", "a")
    update.add("order", 60, "TXT", "c")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "order") == ["b", "c"]
    update = new_update()
    update.add("order", 60, "TXT", "d")
    update.delete("order", "TXT")
    update.add("order", 60, "TXT", "e")
    assert rcode(server, update) == "NOERROR"
    assert values(server, "order") == ["e"]


def test_repeated_adds_are_one(server):
    for _ in range(3):
        add(server, "again", "same")
    assert values(server, "again") == ["same"]


def test_more_octets_than_a_name_holds_are_refused(server):
    update = new_update()
    for i in range(5):
        update.add("full", 60, "TXT", f"{i}" * 200)
    assert rcode(server, update) == "NOERROR"
    update = new_update()
    update.add("full", 60, "TXT", "x" * 200)
    update.add("full2", 60, "TXT", "y")
    assert rcode(server, update) == "NOERROR"
    update = new_update()
    update.add("full", 60, "TXT", "z" * 200)
    update.add("full3", 60, "TXT", "y")
    assert rcode(server, update) == "REFUSED"
    assert len(values(server, "full")) == 6
    assert values(server, "full3") == []
    update = new_update()  # What makes room in the same message counts.
    update.delete("full", "TXT")
    update.add("full", 60, "TXT", "z" * 200)
    assert rcode(server, update) == "NOERROR"
    assert values(server, "full") == ["z" * 200]


def test_prerequisites(server):
    add(server, "held", "one")
    add(server, "held", "two", "other")
    table = [
        (lambda u: u.present("held"), "NOERROR"),
        (lambda u: u.present("nowhere"), "NXDOMAIN"),
        (lambda u: u.absent("held"), "YXDOMAIN"),
        (lambda u: u.absent("nowhere"), "NOERROR"),
        (lambda u: u.present("held", "TXT"), "NOERROR"),
        (lambda u: u.present("held", "A"), "NXRRSET"),
        (lambda u: u.absent("held", "TXT"), "YXRRSET"),
        (lambda u: u.absent("held", "A"), "NOERROR"),
        (lambda u: u.present("www", "A"), "NOERROR"),
        (lambda u: u.present("www", "A", "192.0.2.80"), "NOERROR"),
        (lambda u: u.present("www", "A", "192.0.2.81"), "NXRRSET"),
        (lambda u: u.present("fixed", "TXT", '"a static value"'), "NOERROR"),
        (lambda u: u.present("alias", "CNAME", "wwW"), "NOERROR"),
        (lambda u: u.present("alias", "CNAME", "ww"), "NXRRSET"),
        (lambda u: (u.present("held", "TXT", "two"), u.present("held", "TXT", "one")), "NOERROR"),
        (lambda u: u.present("held", "TXT", "one"), "NXRRSET"),
        (lambda u: (u.present("held", "TXT", "one"), u.present("held", "TXT", "one")), "NXRRSET"),
        (lambda u: (u.present("held", "TXT", "one"), u.present("held", "TXT", "three")), "NXRRSET"),
        (lambda u: (u.present("held"), u.absent("nowhere", "TXT"), u.present("nowhere")), "NXDOMAIN"),
    ]
    for i, (prerequisite, expected) in enumerate(table):
        update = new_update()
        prerequisite(update)
        assert rcode(server, update) == expected, f"row {i} alone"
        update.add(f"row{i}.after", 60, "TXT", "v")
        assert rcode(server, update) == expected, f"row {i}"
        assert values(server, f"row{i}.after") == (["v"] if expected == "NOERROR" else [])


def test_prerequisite_makes_one_winner(server):
    def claim(i):
        update = new_update("all" if i % 2 else "other")
        update.absent("claimed", "TXT")
        update.add("claimed", 60, "TXT", f"winner-{i}")
        return rcode(server, update)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(claim, range(32)))
    assert outcomes.count("NOERROR") == 1
    assert outcomes.count("YXRRSET") == 31
    assert len(values(server, "claimed")) == 1


def test_two_keys_at_one_name_lose_nothing(server):
    def work(key):
        for i in range(25):
            update = new_update(key)
            update.delete("busy", "TXT")
            update.add("busy", 60, "TXT", f"{key}-{i}")
            assert rcode(server, update, tcp=i % 2 == 0) == "NOERROR"
            assert f"{key}-{i}" in values(server, "busy")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ["all", "other"]))
    assert values(server, "busy") == ["all-24", "other-24"]


def test_several_names_at_once_do_not_block_each_other(server):
    """Each message names the same names in another order."""
    def work(i):
        update = new_update("all" if i % 2 else "other")
        for j in range(8):
            update.add(f"t{(i * 3 + j * (1 if i % 2 else 7)) % 8}.cross", 60, "TXT", f"w{i}")
        return rcode(server, update, tcp=True)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(40))) == {"NOERROR"}
    for j in range(8):
        assert len(values(server, f"t{j}.cross")) == 40


def test_signed_queries_get_signed_answers(server):
    add(server, "signed", "v")
    for name, kind, expected in [(ZONE, "SOA", "NOERROR"), (f"signed.{ZONE}", "TXT", "NOERROR"),
                                 (f"no.{ZONE}", "SOA", "NXDOMAIN"), ("other.test", "SOA", "REFUSED")]:
        for query in (dns.query.udp, dns.query.tcp):
            for edns in (-1, 0):
                message = dns.message.make_query(name, kind, use_edns=edns)
                message.use_tsig(key_of("all"))
                answer = query(message, server.address, port=server.dns_port, timeout=5)
                assert answer.had_tsig
                assert answer.edns == edns
                assert dns.rcode.to_text(answer.rcode()) == expected
                plain = ask((server.address, server.dns_port), name, kind)
                assert answer.answer == plain.answer
                assert answer.authority == plain.authority


def test_a_signature_that_does_not_fit_cuts_the_answer(server):
    update = new_update()
    for i in range(4):
        update.add("long", 60, "TXT", f"{i}" * 95)
    assert rcode(server, update) == "NOERROR"
    name = "long." + ZONE
    plain = ask((server.address, server.dns_port), name, "TXT")
    assert len(plain.to_wire()) <= 512 and not plain.flags & dns.flags.TC
    for edns, payload in [(-1, 512), (0, 512)]:
        message = dns.message.make_query(name, "TXT", use_edns=edns, payload=payload)
        message.use_tsig(key_of("all"))
        wire = message.to_wire()
        answer = raw(server, wire)
        assert len(answer) <= 512
        parsed = dns.message.from_wire(answer, keyring=message.keyring, request_mac=message.mac)
        assert parsed.flags & dns.flags.TC and parsed.had_tsig and parsed.edns == edns
        assert not parsed.answer
    message = dns.message.make_query(name, "TXT")
    message.use_tsig(key_of("all"))
    whole = dns.query.tcp(message, server.address, port=server.dns_port, timeout=5)
    assert len(whole.answer[0]) == 4


def test_badly_signed_queries_are_notauth(server):
    for key, error in [(key_of("nobody", b"x" * 32), dns.rcode.BADKEY),
                       (key_of("all", b"y" * 32), dns.rcode.BADSIG)]:
        message = dns.message.make_query(ZONE, "SOA")
        message.use_tsig(key)
        answer = raw(server, message.to_wire())
        assert answer[3] & 0xF == dns.rcode.NOTAUTH
        assert tsig_fields(answer)[:2] == (0, error)


def test_answers_keep_their_order_on_tcp(server):
    update = new_update()
    update.add("pipeline", 60, "TXT", "v")
    after = dns.message.make_query(f"pipeline.{ZONE}", "TXT")
    before = dns.message.make_query(ZONE, "SOA")
    second = new_update()
    second.delete("pipeline", "TXT")
    last = dns.message.make_query(f"pipeline.{ZONE}", "TXT")
    messages = [before, update, after, second, last]
    with socket.create_connection((server.address, server.dns_port), timeout=10) as stream:
        wires = [m.to_wire() for m in messages]
        stream.sendall(b"".join(struct.pack("!H", len(w)) + w for w in wires))
        answers = [frame(stream) for _ in messages]
    assert [a[:2] for a in answers] == [w[:2] for w in wires]
    assert dns.message.from_wire(answers[2]).answer
    assert not dns.message.from_wire(answers[4]).answer


def test_half_closed_connections_are_answered(server):
    update = new_update()
    update.add("half", 60, "TXT", "v")
    wire = update.to_wire()
    with socket.create_connection((server.address, server.dns_port), timeout=10) as stream:
        stream.sendall(struct.pack("!H", len(wire)) + wire)
        stream.shutdown(socket.SHUT_WR)
        assert frame(stream)[3] & 0xF == dns.rcode.NOERROR


def test_clients_that_leave_do_no_harm(server):
    for i in range(20):
        update = new_update()
        update.add(f"gone{i}", 60, "TXT", "v")
        wire = update.to_wire()
        stream = socket.create_connection((server.address, server.dns_port), timeout=10)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.sendall(struct.pack("!H", len(wire)) + wire)
        stream.close()
    assert values(server, "gone19") in ([], ["v"])
    add(server, "still", "here")
    assert values(server, "still") == ["here"]


def test_malformed_messages_get_formerr(server):
    update = new_update()
    update.add("x", 60, "TXT", "v")
    wire = update.to_wire()
    for length in range(12, len(wire)):
        answer = server.send_datagram(wire[:length], seconds=5)
        assert answer[3] & 0xF == dns.rcode.FORMERR, length
    assert values(server, "x") == []


def test_the_secondary_rules_of_form(server):
    bad = new_update()
    bad.add("x", 60, "TXT", "v")
    bad.update[0].rdclass = dns.rdataclass.CH
    assert raw(server, bad.to_wire())[3] & 0xF == dns.rcode.FORMERR


def nsupdate(server, key, *commands, tcp=False, algorithm="hmac-sha256", program="nsupdate"):
    secret = base64.b64encode(SECRETS[key]).decode()
    text = "\n".join([f"server {server.address} {server.dns_port}", *commands, "send", ""])
    done = subprocess.run([program, "-y", f"{algorithm}:{key}:{secret}", "-t", "5",
                           *(["-v"] if tcp else [])],
                          input=text, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("program", ["nsupdate", "knsupdate"])
def test_programs(server, program, tcp):
    name = f"{program}-{tcp}.{ZONE}.".lower()
    status, said = nsupdate(server, "all", f"zone {ZONE}.", f'update add {name} 60 TXT "one"',
                            f'update add {name} 60 TXT "two"', tcp=tcp, program=program)
    assert status == 0, said
    assert values(server, f"{program}-{tcp}".lower()) == ["one", "two"]
    status, said = nsupdate(server, "all", f"zone {ZONE}.", f"update delete {name} TXT",
                            tcp=tcp, program=program)
    assert status == 0, said
    assert values(server, f"{program}-{tcp}".lower()) == []


def test_nsupdate_finds_the_zone(server):
    status, said = nsupdate(server, "all", f"update add deep.down.{ZONE}. 60 TXT found")
    assert status == 0, said
    assert values(server, "deep.down") == ["found"]


@pytest.mark.parametrize("program", ["nsupdate", "knsupdate"])
def test_programs_tell_refusal(server, program):
    status, said = nsupdate(server, "one", f"zone {ZONE}.", f"update add no.{ZONE}. 60 TXT x",
                            program=program)
    assert status != 0 and "REFUSED" in said


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nsupdate_with_every_algorithm(server, algorithm):
    status, said = nsupdate(server, algorithm, f"zone {ZONE}.",
                            f"update add ns-{algorithm}.{ZONE}. 60 TXT x", algorithm=algorithm)
    assert status == 0, said
    assert values(server, f"ns-{algorithm}") == ["x"]


def test_timeline_and_metrics_name_the_door(server):
    add(server, "timed", "v")
    events = server.request("GET", f"/v1/challenges/timed.{ZONE}/timeline", token="http").json()
    presented = [e for e in events["events"] if e["event"] == "presented"]
    assert presented and presented[0]["door"] == "rfc2136"
    assert presented[0]["owner"] == "tsig:all"
    assert 'dns01d_present_duration_seconds_count{door="rfc2136"}' in server.metrics()


def reload(server):
    """By dns01ctl, which returns when the new configuration holds."""
    server.write_config()
    subprocess.run([server.build / "dns01ctl", "--socket", server.state / "control.sock", "reload"],
                   check=True, capture_output=True, timeout=30)


def test_reload_changes_keys(tmp_path):
    with Dns01d(tmp_path) as made:
        assert rcode(made, new_update(None)) == "REFUSED"
        with pytest.raises(dns.tsig.PeerBadKey):
            rcode(made, new_update())
        made.tsig_key("all", SECRETS["all"], owners=["a." + ZONE])
        reload(made)
        update = new_update()
        update.add("a", 60, "TXT", "v")
        assert rcode(made, update) == "NOERROR"
        update = new_update()
        update.add("b", 60, "TXT", "v")
        assert rcode(made, update) == "REFUSED"
        made.config["tsig-keys"][0]["owners"] = ["b." + ZONE]
        reload(made)
        assert rcode(made, update) == "NOERROR"
        assert values(made, "a") == ["v"]
        (tmp_path / "key-all").write_text(base64.b64encode(SECRETS["other"]).decode())
        reload(made)
        with pytest.raises(dns.tsig.PeerBadSignature):
            rcode(made, new_update())
        made.config["tsig-keys"] = []
        reload(made)
        with pytest.raises(dns.tsig.PeerBadKey):
            rcode(made, new_update())


def test_values_survive_a_restart(tmp_path):
    made = Dns01d(tmp_path)
    made.tsig_key("all", SECRETS["all"], **EVERYWHERE)
    with made:
        update = new_update()
        update.add("kept", 60, "TXT", "v")
        assert rcode(made, update) == "NOERROR"
        made.kill()
        made.start()
        assert values(made, "kept") == ["v"]
        update = new_update()
        update.delete("kept", "TXT")
        assert rcode(made, update) == "NOERROR"
        assert values(made, "kept") == []


def test_stop_answers_what_is_under_way(tmp_path):
    made = Dns01d(tmp_path)
    made.tsig_key("all", SECRETS["all"], **EVERYWHERE)
    with made:
        stream = socket.create_connection((made.address, made.dns_port), timeout=10)
        wires = []
        for i in range(50):
            update = new_update()
            update.add(f"s{i}", 60, "TXT", "v")
            wires.append(update.to_wire())
        stream.sendall(b"".join(struct.pack("!H", len(w)) + w for w in wires))
        assert frame(stream)[:2] == wires[0][:2]
        made.stop()
        codes = []
        while len(codes) < 49:
            try:
                codes.append(frame(stream)[3] & 0xF)
            except (AssertionError, ConnectionError):
                break
        stream.close()
        assert set(codes) <= {dns.rcode.NOERROR, dns.rcode.SERVFAIL}
        made.start()
        for i in range(1 + codes.count(dns.rcode.NOERROR)):
            assert values(made, f"s{i}") == ["v"], i


@pytest.mark.parametrize("reads_late", [False, True])
def test_updates_between_answers_that_nobody_reads(server, reads_late):
    """Whether the answers before it have left or not, each message is answered in its place."""
    update = new_update()
    for i in range(4):
        update.add("large", 60, "TXT", f"{i}" * 250)
    assert rcode(server, update) == "NOERROR"
    query = dns.message.make_query(f"large.{ZONE}", "TXT").to_wire()
    framed = struct.pack("!H", len(query)) + query
    for ahead in [0, 1, 63, 64, 200, 400, 900, 1500]:
        update = new_update()
        update.add("among", 60, "TXT", f"v{ahead}")
        wire = update.to_wire()
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with stream:
            stream.settimeout(20)
            if reads_late:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.connect((server.address, server.dns_port))
            sent = framed * ahead + struct.pack("!H", len(wire)) + wire + framed
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                sending = pool.submit(stream.sendall, sent)
                answers = [frame(stream) for _ in range(ahead + 2)]
                sending.result()
        assert answers[ahead][:2] == wire[:2] and answers[ahead][3] & 0xF == dns.rcode.NOERROR
        assert all(a[:2] == query[:2] for i, a in enumerate(answers) if i != ahead)
        assert f"v{ahead}" in values(server, "among")


def test_delegated_names_are_zones(tmp_path):
    made = Dns01d(tmp_path)
    made.config["delegations"] = [{"under": "example.test", "nameservers": ["ns1." + ZONE]}]
    made.tsig_key("all", SECRETS["all"], names=["**"])
    apex = "_acme-challenge.www.example.test"
    with made:
        update = new_update(zone=apex)
        update.add("@", 60, "TXT", "v")
        assert rcode(made, update) == "NOERROR"
        assert texts(ask((made.address, made.dns_port), apex)) == {b"v"}
        update = new_update(zone=apex)
        update.add("_acme-challenge.other.example.test.", 60, "TXT", "v")
        assert rcode(made, update) == "NOTZONE"
        update = new_update(zone=apex)
        update.add("below", 60, "TXT", "v")
        assert rcode(made, update) == "REFUSED"
        for zone in ["example.test", "www.example.test", "below." + apex]:
            assert rcode(made, new_update(zone=zone)) == "NOTAUTH", zone
        update = new_update(zone=apex)
        update.delete("@")
        assert rcode(made, update) == "NOERROR"
        assert texts(ask((made.address, made.dns_port), apex)) == set()


@pytest.mark.parametrize("entry, secret, words", [
    ({}, b"!!!", ["is not base64"]),
    ({}, base64.b64encode(b"fifteen octets!"), ["15 octets", "at least 16"]),
    ({"algorithm": "hmac-md5"}, None, ["allow-md5"]),
    ({"algorithm": "hmac-sha3"}, None, ["hmac-sha256"]),
    ({"name": "."}, None, ["tsig-keys[0].name"]),
    ({"names": ["*x.test"]}, None, ["tsig-keys[0].names"]),
    ({"verbs": ["write"]}, None, ["tsig-keys[0].verbs"]),
    ({"key": "x"}, None, ["tsig-keys[0].key"]),
    ({"again": True}, None, ["another key has the same name"]),
])
def test_faulty_keys(tmp_path, entry, secret, words):
    made = Dns01d(tmp_path)
    made.tsig_key("k.", b"sixteen octets!!")
    if entry.pop("again", False):
        made.tsig_key("K", b"another sixteen.")
    made.config["tsig-keys"][0].update(entry)
    if secret is not None:
        (tmp_path / "key-k.").write_bytes(secret)
    made.write_config()
    done = subprocess.run([made.build / "dns01d", "-c", made.config_path, "--check"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr
    assert "sixteen" not in done.stderr
