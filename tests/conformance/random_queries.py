"""Random queries about a zone, as messages."""

import dataclasses
import random
import struct

from random_zones import LABELS, NAME_MAX, STRANGE_LABELS, fold, name_text, name_wire, \
    random_case, wire_length

TYPE_NUMBERS = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
    "NAPTR": 35, "DNAME": 39, "OPT": 41, "DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48,
    "NSEC3": 50, "NSEC3PARAM": 51, "SVCB": 64, "HTTPS": 65, "TKEY": 249, "TSIG": 250, "MAILB": 253,
    "MAILA": 254, "ANY": 255, "CAA": 257, "TYPE0": 0, "TYPE65280": 65280, "TYPE65535": 65535,
    "TYPE200": 200,
}
TYPE_NAMES = {number: name for name, number in TYPE_NUMBERS.items()}
COMMON = ["A", "AAAA", "TXT", "NS", "SOA", "MX", "CAA", "SRV", "CNAME", "PTR", "NAPTR", "DS",
          "TYPE65280"]
RARE = ["ANY", "RRSIG", "NSEC", "DNSKEY", "NSEC3", "NSEC3PARAM", "HTTPS", "SVCB", "DNAME", "OPT",
        "TKEY", "TSIG", "MAILB", "MAILA", "TYPE0", "TYPE65535", "TYPE200"]
CLASSES = {"IN": 1, "CH": 3, "HS": 4, "NONE": 254, "ANY": 255, "CLASS0": 0, "CLASS65280": 65280}
CLASS_NAMES = {number: name for name, number in CLASSES.items()}
SIZES = [0, 100, 511, 512, 513, 1232, 4096, 65535]
CLIENT_COOKIE = b"12345678"
OPTIONS = {"unknown option": struct.pack("!HH", 65001, 3) + b"abc",
           "empty option": struct.pack("!HH", 65002, 0),
           "NSID": struct.pack("!HH", 3, 0),
           "COOKIE": struct.pack("!HH", 10, 8) + CLIENT_COOKIE}
RD, AD, CD = 0x0100, 0x0020, 0x0010
# Bits that have no meaning in a query: AA, TC, RA, Z.
STRAY = {"AA": 0x0400, "TC": 0x0200, "RA": 0x0080, "Z": 0x0040}
UDP_PLAIN = 512
UDP_MAX = 1232


@dataclasses.dataclass
class Query:
    """One query: `wire` lacks only its ID, which the asker writes over the first two octets."""

    zone: object
    name: tuple
    qtype: int
    qclass: int
    flags: int
    edns: str
    size: int
    dnssec_ok: bool
    tcp: bool
    wire: bytes = b""

    @property
    def type_name(self):
        return TYPE_NAMES.get(self.qtype, f"TYPE{self.qtype}")

    @property
    def class_name(self):
        return CLASS_NAMES.get(self.qclass, f"CLASS{self.qclass}")

    @property
    def question(self):
        return name_wire(self.name) + struct.pack("!HH", self.qtype, self.qclass)

    @property
    def limit(self):
        """The longest answer that fits, in octets."""
        if self.tcp:
            return 65535
        return UDP_PLAIN if self.edns == "none" else min(max(UDP_PLAIN, self.size), UDP_MAX)

    def encode(self):
        additional = 0 if self.edns == "none" else 1
        wire = struct.pack("!HHHHHH", 0, self.flags, 1, 0, 0, additional) + self.question
        if additional:
            options = OPTIONS.get(self.edns, b"")
            version = 1 if self.edns == "version 1" else 0
            zeros = 0x0001 if self.edns == "Z bits" else 0
            flags = zeros | (0x8000 if self.dnssec_ok else 0)
            wire += struct.pack("!BHHBBHH", 0, 41, self.size, 0, version, flags, len(options))
            wire += options
        self.wire = wire

    def __str__(self):
        words = [name_text(self.name), self.class_name, self.type_name]
        bits = {"RD": RD, "AD": AD, "CD": CD, **STRAY}
        words += [word for word, bit in bits.items() if self.flags & bit]
        if self.edns != "none":
            words.append(f"EDNS({self.edns}, {self.size}{', DO' if self.dnssec_ok else ''})")
        return " ".join(words + (["TCP"] if self.tcp else []))


def random_label(rng):
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(LABELS)
    if kind < 0.75:
        return rng.choice(STRANGE_LABELS)
    if kind < 0.85:
        return b"*"
    if kind < 0.9:
        return rng.randbytes(rng.randint(1, 63))
    return bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.choice([1, 5, 63])))


def filled(base, rng):
    """base with labels in front, up to the longest name."""
    while wire_length(base) < NAME_MAX - 1:
        base = (rng.randbytes(min(63, NAME_MAX - wire_length(base) - 1)),) + base
    return base


def random_name(zone, rng):
    kind = rng.random()
    owner = rng.choice(zone.owners)
    if kind < 0.34:
        name = owner
    elif kind < 0.42:
        name = rng.choice(zone.middles) if zone.middles else owner
    elif kind < 0.56:
        name = tuple(random_label(rng) for _ in range(rng.choice([1, 1, 2, 4]))) + owner
    elif kind < 0.62:
        name = (random_label(rng),) + (rng.choice(zone.middles) if zone.middles else owner)
    elif kind < 0.68:
        name = (random_label(rng),) + owner[1:] if owner != zone.apex else owner
    elif kind < 0.80:
        name = instance(owner, rng)
    elif kind < 0.85:
        name = zone.apex
    elif kind < 0.90:
        name = tuple(random_label(rng) for _ in range(rng.choice([1, 1, 2, 3]))) + zone.apex
    elif kind < 0.92:
        name = filled(rng.choice([owner, zone.apex]), rng)
    elif kind < 0.97:
        cut = rng.choice(sorted(zone.cuts)) if zone.cuts else zone.apex
        name = tuple(random_label(rng) for _ in range(rng.choice([0, 1, 2]))) + cut
    else:
        name = outside(zone, rng)
    if wire_length(name) > NAME_MAX:
        name = owner
    return name


def instance(owner, rng):
    """A name that a wildcard of the zone may stand for: `*` labels replaced."""
    name = tuple(rng.choice([random_label(rng), label]) if label == b"*" else label
                 for label in owner)
    if owner[:1] == (b"*",) and rng.random() < 0.4:
        name = (random_label(rng),) + name
    return name


def outside(zone, rng):
    kind = rng.random()
    if kind < 0.3:
        return zone.apex[1:]
    if kind < 0.4:
        return ()
    if kind < 0.6:
        return (b"not" + zone.apex[0][:40],) + zone.apex[1:]
    if kind < 0.7:
        return (zone.apex[0] + b"x",) + zone.apex[1:]
    return (random_label(rng), b"elsewhere", b"invalid")


def random_type(zone, name, rng):
    kind = rng.random()
    here = [kind_name for kind_name in zone.nodes.get(fold(name), {}) if kind_name in TYPE_NUMBERS]
    if here and kind < 0.4:
        return TYPE_NUMBERS[rng.choice(here)]
    if kind < 0.88:
        return TYPE_NUMBERS[rng.choice(COMMON)]
    if kind < 0.985:
        return TYPE_NUMBERS[rng.choice(RARE)]
    return rng.choice([number for number in range(65536) if number not in (251, 252)])


def random_query(zone, rng):
    name = random_name(zone, rng)
    qtype = random_type(zone, name, rng)
    if rng.random() < 0.6:
        name = random_case(name, rng)
    qclass = 1 if rng.random() < 0.97 else rng.choice(list(CLASSES.values()))
    flags = sum(bit for bit in (RD, AD, CD) if rng.random() < 0.25)
    if rng.random() < 0.02:
        flags |= rng.choice(list(STRAY.values()))
    kind = rng.random()
    edns, size, dnssec_ok = "plain", rng.choice(SIZES), rng.random() < 0.4
    if kind < 0.35:
        edns, size, dnssec_ok = "none", 0, False
    elif kind < 0.37:
        edns = "version 1"
    elif kind < 0.43:
        edns = rng.choice(list(OPTIONS))
    elif kind < 0.44:
        edns = "Z bits"
    query = Query(zone, name, qtype, qclass, flags, edns, size, dnssec_ok, rng.random() < 0.08)
    query.encode()
    return query


def build_queries(zone, seed, count):
    rng = random.Random(f"queries {seed} {zone.number}")
    return [random_query(zone, rng) for _ in range(count)]
