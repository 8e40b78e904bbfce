"""A short slice of the differential test, and the test of the comparison itself."""

import struct

import pytest

from compare import Comparison
from differential import run
from explained import DOCUMENT, document, explain
from message import Malformed, Reply
from random_queries import build_queries
from random_zones import FEATURES, build_zones

SEED = "1"
ZONES = 24
QUERIES = 400
SECONDS_MAX = 20
NAMES = ["NSD", "Knot", "BIND", "dns01d"]
ADDRESS = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4)


def test_servers_agree(tmp_path):
    """dns01d answers as the others do, and how those differ among themselves is explained."""
    comparison = run(tmp_path, SEED, ZONES, QUERIES, seconds=SECONDS_MAX)
    faults = [f"{count}: {' | '.join(key)}: {comparison.examples[key].query}"
              for key, count in comparison.faults()]
    assert not faults
    assert comparison.queries >= 2000
    assert comparison.equal > comparison.queries / 2


def test_document_is_the_list():
    """docs/differences.md: differential.py --write-docs writes it."""
    assert DOCUMENT.read_text() == document()


# The comparison, with answers made by hand.


@pytest.fixture
def query():
    zone = build_zones(SEED, 1)[0]
    return next(query for query in build_queries(zone, SEED, 200)
                if query.edns == "none" and not query.tcp and query.flags == 0
                and query.qclass == 1)


def answer(query, addresses, flags=0x8400):
    """An answer with A records of the name asked for."""
    header = struct.pack("!HHHHHH", 0, flags, 1, len(addresses), 0, 0)
    return header + query.question + b"".join(ADDRESS + address for address in addresses)


def compare(query, *answers, again=None):
    comparison = Comparison(NAMES, "dns01d", explain)
    comparison.add(query, answers, again or [None] * len(answers))
    return {key[:2] for key, _ in comparison.faults()}


def test_order_is_free(query):
    one = answer(query, [b"\1\2\3\4", b"\5\6\7\10"])
    other = answer(query, [b"\5\6\7\10", b"\1\2\3\4"])
    assert compare(query, one, other, one, other) == set()


@pytest.mark.parametrize("wrong, fields", [
    (dict(addresses=[b"\1\2\3\5"]), "answer"),
    (dict(addresses=[b"\1\2\3\4", b"\1\2\3\4"]), "answer"),
    (dict(addresses=[]), "answer"),
    (dict(addresses=[b"\1\2\3\4"], flags=0x8000), "AA"),
    (dict(addresses=[b"\1\2\3\4"], flags=0x8403), "rcode"),
    (dict(addresses=[b"\1\2\3\4"], flags=0x8480), "RA"),
    (dict(addresses=[b"\1\2\3\4"] * 40), "answer"),
])
def test_wrong_answer_is_seen(query, wrong, fields):
    good = answer(query, [b"\1\2\3\4"])
    found = compare(query, good, good, good, answer(query, **wrong))
    assert any(fields in text for _, text in found)
    assert {server for server, _ in found} == {"dns01d"}


def test_no_answer_is_seen(query):
    good = answer(query, [b"\1\2\3\4"])
    assert compare(query, good, good, good, None) == {("dns01d", "answered")}
    assert compare(query, good, good, good, good[:-1]) == {("dns01d", "answered")}


def test_needless_truncation_is_seen(query):
    good = answer(query, [b"\1\2\3\4"])
    short = answer(query, [], flags=0x8600)
    assert compare(query, good, good, good, short, again=[good] * 4) == {("dns01d", "TC")}


def test_too_long_a_datagram_is_seen(query):
    addresses = [bytes([1, 2, 3, i]) for i in range(40)]
    full, short = answer(query, addresses), answer(query, [], flags=0x8600)
    assert compare(query, short, short, short, full, again=[full] * 4) == {("dns01d", "TC")}


def test_majority_decides(query):
    good, bad = answer(query, [b"\1\2\3\4"]), answer(query, [b"\1\2\3\5"])
    assert compare(query, good, bad, good, good) == {("Knot", "answer")}
    assert compare(query, good, good, bad, bad) == {("BIND", "answer"), ("dns01d", "answer")}


@pytest.mark.parametrize("wire", [
    b"", b"\0" * 11, struct.pack("!HHHHHH", 0, 0x8400, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
    struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + b"\0\0\1\0\1\0\0\0\0\0\5abcd",
    struct.pack("!HHHHHH", 0, 0x8400, 0, 0, 0, 0) + b"\0",
])
def test_decoder_refuses(wire):
    with pytest.raises(Malformed):
        Reply(wire)


def test_zones_come_from_the_seed():
    first, second = build_zones(SEED, 5), build_zones(SEED, 5)
    assert [zone.text for zone in first] == [zone.text for zone in second]
    assert build_zones("other", 5)[0].text != first[0].text
    everything = {name: True for name in FEATURES}
    kinds = {kind for zone in build_zones(SEED, 30, everything) for types in zone.nodes.values()
             for kind in types}
    assert {"SOA", "NS", "A", "AAAA", "CAA", "TXT", "MX", "SRV", "CNAME", "DS",
            "TYPE65280"} <= kinds
