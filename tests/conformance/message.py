"""A light decoder of answers: fast, strict, and folding names so that answers can be compared."""

import struct

QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010
A, NS, CNAME, SOA, PTR, MX, AAAA, SRV, DNAME, OPT, DS = 1, 2, 5, 6, 12, 15, 28, 33, 39, 41, 43
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
          9: "NOTAUTH", 16: "BADVERS"}
# Octets in front of a name in rdata, number of names.
NAMES_IN_RDATA = {NS: (0, 1), CNAME: (0, 1), PTR: (0, 1), DNAME: (0, 1), MX: (2, 1), SRV: (6, 1),
                  SOA: (0, 2)}
_header = struct.Struct("!HHHHHH")
_record = struct.Struct("!HHIH")


class Malformed(Exception):
    """A message that is not well-formed."""


def read_name(wire, offset, cache):
    """The folded name at offset, uncompressed, and the offset behind it."""
    if offset in cache:
        return cache[offset]
    start, labels, end, seen = offset, [], None, offset
    while True:
        length = wire[offset]
        if length == 0:
            labels.append(b"\0")
            if end is None:
                end = offset + 1
            break
        if length < 64:
            labels.append(wire[offset:offset + 1 + length])
            offset += 1 + length
            continue
        if length < 192:
            raise Malformed("label type")
        target = (length & 63) << 8 | wire[offset + 1]
        if end is None:
            end = offset + 2
        if target >= seen:
            raise Malformed("pointer not backwards")
        offset = seen = target
    name = b"".join(labels).lower()
    if len(name) > 255:
        raise Malformed("name too long")
    cache[start] = name, end
    return name, end


def read_rdata(wire, offset, end, kind, cache):
    """rdata with its names uncompressed and folded."""
    layout = NAMES_IN_RDATA.get(kind)
    if layout is None:
        return wire[offset:end]
    parts = [wire[offset:offset + layout[0]]]
    offset += layout[0]
    for _ in range(layout[1]):
        name, offset = read_name(wire, offset, cache)
        parts.append(name)
    if offset > end:
        raise Malformed("name beyond the rdata")
    parts.append(wire[offset:end])
    return b"".join(parts)


class Reply:
    """A decoded answer; records are (owner, type, class, TTL, rdata)."""

    __slots__ = ("length", "flags", "rcode", "question", "answer", "authority", "additional", "opt")

    def __init__(self, wire):
        try:
            self._decode(wire)
        except (IndexError, struct.error) as error:
            raise Malformed(str(error)) from error

    def _decode(self, wire):
        self.length = len(wire)
        _, self.flags, questions, answers, authorities, additionals = _header.unpack_from(wire)
        offset, cache = 12, {}
        for _ in range(questions):
            _, offset = read_name(wire, offset, cache)
            offset += 4
        if offset > len(wire):
            raise Malformed("short question")
        self.question = wire[12:offset]
        self.opt = None
        self.rcode = self.flags & 15
        self.answer, offset = self._section(wire, offset, answers, cache)
        self.authority, offset = self._section(wire, offset, authorities, cache)
        self.additional, offset = self._section(wire, offset, additionals, cache)
        if offset != len(wire):
            raise Malformed("octets left over")

    def _section(self, wire, offset, count, cache):
        records = []
        for _ in range(count):
            name, offset = read_name(wire, offset, cache)
            kind, klass, ttl, length = _record.unpack_from(wire, offset)
            offset += 10
            end = offset + length
            if end > len(wire):
                raise Malformed("rdata beyond the end")
            if kind == OPT:
                if self.opt is not None or name != b"\0":
                    raise Malformed("OPT")
                self.rcode |= (ttl >> 24) << 4
                self.opt = klass, ttl >> 16 & 255, ttl & 0xFFFF, wire[offset:end]
            else:
                records.append((name, kind, klass, ttl,
                                read_rdata(wire, offset, end, kind, cache)))
            offset = end
        return records, offset

    @property
    def rcode_name(self):
        return RCODES.get(self.rcode, f"RCODE{self.rcode}")

    def is_referral(self):
        return (self.rcode == 0 and any(record[1] == NS for record in self.authority)
                and not any(record[1] == SOA for record in self.authority))

    def kind(self):
        """What it is, in few words: the name of a class of answers."""
        if self.flags & TC:
            return f"{self.rcode_name} truncated"
        words = []
        if any(record[1] == CNAME for record in self.answer):
            words.append("CNAME")
        if any(record[1] != CNAME for record in self.answer):
            words.append("records")
        if any(record[1] == SOA for record in self.authority):
            words.append("SOA" if self.rcode or words else "no data")
        elif self.is_referral():
            words.append("referral" if not self.flags & AA or not self.answer else "NS")
        if self.rcode or not words:
            words.insert(0, self.rcode_name)
        return " + ".join(words) + ("" if self.flags & AA or self.rcode in (1, 4, 5, 16)
                                    else " (not AA)")


def record_text(record):
    """Like a line of a zone file; rdata in hex unless it is a name."""
    owner, kind, _, ttl, rdata = record
    if kind in (NS, CNAME, PTR):
        data = wire_name_text(rdata)
    elif kind == A:
        data = ".".join(map(str, rdata))
    else:
        data = rdata.hex() if len(rdata) < 24 else f"{rdata[:20].hex()}... ({len(rdata)})"
    return f"{wire_name_text(owner)} {ttl} TYPE{kind} {data}"


def wire_name_text(wire):
    out, offset = [], 0
    while wire[offset]:
        label = wire[offset + 1:offset + 1 + wire[offset]]
        out.append("".join(chr(octet) if 0x21 <= octet < 0x7f and octet not in b'.\\";()@$'
                           else f"\\{octet:03d}" for octet in label) + ".")
        offset += 1 + wire[offset]
    return "".join(out) or "."
