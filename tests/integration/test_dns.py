"""What the DNS server answers, over real sockets."""

import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from dnsask import texts

ZONE = "auth.example.test"


def soa_of(reply):
    """The SOA of a negative answer: alone in the authority section, of our zone."""
    assert not reply.answer
    assert [rrset.rdtype for rrset in reply.authority] == [dns.rdatatype.SOA]
    assert reply.authority[0].name.to_text() == f"{ZONE}."
    return reply.authority[0]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_value(challenges, tcp):
    assert challenges.present(f"v.{ZONE}", "the value").status == 201
    reply = challenges.ask(f"v.{ZONE}", tcp=tcp)
    assert texts(reply) == {b"the value"}
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.answer[0].ttl == 0
    assert reply.flags & dns.flags.AA
    assert reply.flags & dns.flags.QR
    assert not reply.flags & (dns.flags.TC | dns.flags.RA)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_other_type_at_a_name_with_a_value_is_nodata(challenges, tcp):
    challenges.present(f"v.{ZONE}", "v")
    reply = challenges.ask(f"v.{ZONE}", "A", tcp=tcp)
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.flags & dns.flags.AA
    assert soa_of(reply).ttl == 0


def test_unknown_name_is_nxdomain(challenges):
    reply = challenges.ask(f"never-heard-of.{ZONE}")
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.flags & dns.flags.AA
    soa = soa_of(reply)
    assert soa.ttl == 0
    assert soa[0].minimum == 0


def test_name_of_an_exact_right_is_known(challenges):
    reply = challenges.ask(f"only.{ZONE}")
    assert reply.rcode() == dns.rcode.NOERROR
    soa_of(reply)


def test_name_that_had_a_value_stays_known(challenges):
    challenges.present(f"had.{ZONE}", "v")
    assert challenges.cleanup(f"had.{ZONE}", "v").status == 200
    reply = challenges.ask(f"had.{ZONE}")
    assert reply.rcode() == dns.rcode.NOERROR
    soa_of(reply)


def test_name_between_is_nodata(challenges):
    """deep.empty.below exists, so empty.below and below do, without records."""
    for name in ("empty.below", "below"):
        reply = challenges.ask(f"{name}.{ZONE}")
        assert reply.rcode() == dns.rcode.NOERROR
        soa_of(reply)
    assert challenges.ask(f"x.below.{ZONE}").rcode() == dns.rcode.NXDOMAIN


def test_name_above_a_value_is_nodata(challenges):
    challenges.present(f"leaf.branch.{ZONE}", "v")
    assert challenges.ask(f"branch.{ZONE}").rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("name", ["example.org", "example.test", "test", "."])
def test_outside_is_refused(challenges, name):
    reply = challenges.ask(name)
    assert reply.rcode() == dns.rcode.REFUSED
    assert not reply.flags & dns.flags.AA
    assert not reply.answer and not reply.authority


def test_apex(challenges, server):
    soa = challenges.ask(ZONE, "SOA").answer[0][0]
    assert soa.mname.to_text() == f"ns1.{ZONE}."
    assert soa.rname.to_text() == "hostmaster.example.test."
    nameservers = challenges.ask(ZONE, "NS").answer[0]
    assert [record.target.to_text() for record in nameservers] == [f"ns1.{ZONE}."]
    assert challenges.ask(f"ns1.{ZONE}", "A").answer[0][0].address == server.address
    soa_of(challenges.ask(ZONE, "MX"))


def test_static_records(challenges):
    assert challenges.ask(f"www.{ZONE}", "A").answer[0][0].address == "192.0.2.80"
    assert texts(challenges.ask(f"fixed.{ZONE}")) == {b"a static value"}
    alias = challenges.ask(f"alias.{ZONE}", "A")
    assert alias.answer[0].rdtype == dns.rdatatype.CNAME


def test_name_is_echoed_as_asked(challenges):
    challenges.present(f"mixed.{ZONE}", "v")
    reply = challenges.ask("MiXeD.aUtH.eXaMpLe.TeSt")
    assert reply.question[0].name.to_text() == "MiXeD.aUtH.eXaMpLe.TeSt."
    assert reply.answer[0].name.to_text() == "MiXeD.aUtH.eXaMpLe.TeSt."
    assert texts(reply) == {b"v"}


def test_values_live_side_by_side(challenges):
    for value in ("one", "two", "three"):
        challenges.present(f"many.{ZONE}", value)
    assert texts(challenges.ask(f"many.{ZONE}")) == {b"one", b"two", b"three"}
    challenges.cleanup(f"many.{ZONE}", "two")
    assert texts(challenges.ask(f"many.{ZONE}")) == {b"one", b"three"}


def test_long_answer_is_cut_over_udp_and_whole_over_tcp(challenges):
    values = {f"{i:03}".encode() * 14 for i in range(20)}
    for value in values:
        assert challenges.present(f"long.{ZONE}", value.decode()).status == 201
    plain = challenges.ask(f"long.{ZONE}")
    assert plain.flags & dns.flags.TC
    assert len(plain.to_wire()) <= 512
    assert texts(challenges.ask(f"long.{ZONE}", tcp=True)) == values
    assert texts(challenges.ask(f"long.{ZONE}", use_edns=0, payload=1232)) == values


def test_edns(challenges):
    challenges.present(f"edns.{ZONE}", "v")
    reply = challenges.ask(f"edns.{ZONE}", use_edns=0, payload=4096)
    assert reply.edns == 0
    assert reply.payload == 1232
    assert challenges.ask(f"edns.{ZONE}").edns == -1


def test_unknown_edns_version(server):
    """RFC 6891, 6.1.3: BADVERS, and the version we know."""
    wire = bytearray(dns.message.make_query(ZONE, "SOA", use_edns=0, payload=1232).to_wire())
    wire[-5] = 1  # Extended RCODE, version, two octets of flags, two of length, from the end.
    reply = dns.message.from_wire(server.send_datagram(bytes(wire)))
    assert reply.rcode() == dns.rcode.BADVERS
    assert reply.edns == 0
    assert not reply.answer


def test_unknown_edns_option_is_ignored(challenges):
    challenges.present(f"edns.{ZONE}", "v")
    option = dns.edns.GenericOption(65001, b"whatever")
    assert texts(challenges.ask(f"edns.{ZONE}", use_edns=0, options=[option])) == {b"v"}


@pytest.mark.parametrize("opcode", [dns.opcode.NOTIFY, dns.opcode.STATUS, 9])
def test_other_opcodes(server, opcode):
    query = dns.message.make_query(ZONE, "SOA")
    wire = bytearray(query.to_wire())
    wire[2] = (wire[2] & 0x87) | (opcode << 3)
    answer = server.send_datagram(bytes(wire))
    assert answer[:2] == wire[:2]
    assert answer[3] & 0x0F == dns.rcode.NOTIMP


def test_answer_as_question_is_dropped(server):
    wire = bytearray(dns.message.make_query(ZONE, "SOA").to_wire())
    wire[2] |= 0x80
    assert server.send_datagram(bytes(wire), seconds=0.3) is None


@pytest.mark.parametrize("packet", [
    b"", b"\0", b"\0" * 11, b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0",
    b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\x3f",  # A label longer than the packet.
    b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0\xc0\x0c\0\x10\0\1",  # A name that points to itself.
    b"\x12\x34\x01\x00\0\2\0\0\0\0\0\0\0\0\x10\0\1\0\0\x10\0\1",  # Two questions.
    b"\xff" * 512,
], ids=["empty", "one-octet", "short", "no-question", "label", "loop", "two", "noise"])
def test_malformed_does_no_harm(server, challenges, packet):
    answer = server.send_datagram(packet, seconds=0.2)
    if answer is not None:
        assert answer[:2] == packet[:2]
        assert answer[3] & 0x0F in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.REFUSED)
    assert challenges.ask(ZONE, "SOA").rcode() == dns.rcode.NOERROR


def test_class_of_another_kind(challenges):
    reply = challenges.ask(ZONE, "SOA", rdclass="CH")
    assert reply.rcode() == dns.rcode.REFUSED


def receive_exactly(stream, count):
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        assert piece, "connection closed early"
        data += piece
    return data


def test_tcp_pipelining(server, challenges):
    """Twenty questions in one write on one connection: twenty answers, each to its question."""
    challenges.present(f"tcp.{ZONE}", "v")
    queries = [dns.message.make_query(f"tcp.{ZONE}", "TXT") for _ in range(20)]
    wires = [query.to_wire() for query in queries]
    with socket.create_connection((server.address, server.dns_port), timeout=5) as stream:
        stream.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in wires))
        replies = {}
        for _ in queries:
            length, = struct.unpack("!H", receive_exactly(stream, 2))
            reply = dns.message.from_wire(receive_exactly(stream, length))
            replies[reply.id] = reply
    for query in queries:
        assert query.is_response(replies[query.id])
        assert texts(replies[query.id]) == {b"v"}


def test_tcp_octet_by_octet(server):
    wire = dns.message.make_query(ZONE, "SOA").to_wire()
    with socket.create_connection((server.address, server.dns_port), timeout=5) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in struct.pack("!H", len(wire)) + wire:
            stream.sendall(bytes([octet]))
        length, = struct.unpack("!H", receive_exactly(stream, 2))
        reply = dns.message.from_wire(receive_exactly(stream, length))
    assert reply.answer[0].rdtype == dns.rdatatype.SOA


def test_tcp_half_a_message_and_gone(server, challenges):
    for _ in range(50):
        with socket.create_connection((server.address, server.dns_port), timeout=5) as stream:
            stream.sendall(b"\x00\x30\x12\x34")
    assert challenges.ask(ZONE, "SOA", tcp=True).rcode() == dns.rcode.NOERROR
