"""Differences that are known, with the reason why each is left as it is.

docs/differences.md is this list as text: `differential.py --write-docs` writes it, and the test
fails when the two differ.
"""

import dataclasses
import pathlib
import typing

from compare import BODY, glue_of, without_ede
from message import AA, CD, CNAME
from random_queries import CLIENT_COOKIE

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "differences.md"
KNOT_CHAIN = 5
INTRODUCTION = """\
# Where dns01d and other name servers differ

`tests/conformance/differential.py` asks dns01d, NSD, Knot and BIND (as Debian 12 has them) random
questions about random zones and compares the answers. What differs is listed here, with the reason
why it is left so; anything else fails the test. This file is written by
`/usr/bin/python3 tests/conformance/differential.py --write-docs`.
"""
META_TYPES = {"TKEY", "TSIG", "MAILB", "MAILA", "OPT", "TYPE0"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """servers: who may differ in this way. matches(case) tells whether a case is one of these."""

    name: str
    servers: tuple
    what: str
    reason: str
    matches: typing.Callable
    open: bool = False  # A fault of dns01d that is not mended yet.


def is_body(case):
    return case.field in BODY


def is_meta_type(case):
    kind = case.query.qtype
    return case.query.type_name in META_TYPES or 128 <= kind < 255


def is_like_a_peer(case):
    """dns01d answers as one of the others does; they need no such company."""
    def body(reply):
        return (reply.rcode, reply.flags & AA, sorted(reply.answer), sorted(reply.authority),
                glue_of(reply))
    return case.server != "dns01d" or any(
        body(reply) == body(case.reply) for name, reply in case.replies.items()
        if reply and name != case.server)


def chain_of(reply):
    return [record for record in reply.answer if record[1] == CNAME]


def gives_each_cname_once(case):
    chain = chain_of(case.reply)
    return len(set(chain)) == len(chain) and any(
        chain == chain_of(reply)[:len(chain)] for name, reply in case.replies.items()
        if reply and name != case.server)


def extends_a_peer(case):
    """dns01d gives the chain that another server gives, and may go on where that ends."""
    own = chain_of(case.reply)
    return case.server != "dns01d" or any(
        chain_of(reply) == own[:len(chain_of(reply))] for name, reply in case.replies.items()
        if reply and name != case.server and chain_of(reply))


def is_right_option(case):
    """OPT as the others have it, and in it just what was asked for."""
    _, version, flags, data = case.reply.opt or (0, 0, 0, b"")
    plain = [reply.opt for name, reply in case.replies.items() if reply and name != case.server]
    if (version, flags) not in [opt[1:3] for opt in plain if opt]:
        return False
    data = without_ede(data)
    if case.query.edns == "COOKIE":
        # RFC 9018, 4: the client's 8 octets and 16 of ours, of which the first is the version.
        return data[:12] == b"\0\x0a\0\x18" + CLIENT_COOKIE and len(data) == 28 and data[12] == 1
    return data[:2] == b"\0\x03" and len(data) == 4 + int.from_bytes(data[2:4], "big") > 4


def is_one_of_any(case):
    """What an ANY query got is a part of the whole: RRsets as some server gives them."""
    if case.query.type_name != "ANY" or case.reply is None or case.reply.rcode:
        return False
    whole = {record for reply in case.replies.values() if reply for record in reply.answer}
    kinds = {}
    for record in whole:
        kinds.setdefault(record[1], set()).add(record)
    own = set(case.reply.answer)
    return bool(own) and len(own) == len(case.reply.answer) and all(
        kinds[kind] <= own for kind in {record[1] for record in own})


def is_loop(case):
    """The chain of CNAMEs comes back to a name it has left."""
    chains = [chain_of(reply) for reply in case.replies.values() if reply]
    return any({record[4] for record in chain} & {record[0] for record in chain[:1]}
               or len(chain) > len({record[0] for record in chain})
               or chain and chain[-1][4] in {record[0] for record in chain} for chain in chains)


def leaves_zone(case):
    """A chain of CNAMEs that goes on below a cut, or in another zone that is served too."""
    zone = case.query.zone
    for reply in case.replies.values():
        chain = chain_of(reply) if reply else []
        if chain and chain[-1][4] not in {record[0] for record in reply.answer}:
            target = labels_of(chain[-1][4])
            if zone.place(target) in ("cut", "below a cut"):
                return True
    return False


def all_glue(case):
    return {record for reply in case.replies.values() if reply for record in glue_of(reply)}


def is_glue_too_long(case):
    """Over UDP: what is missing would not fit. For dns01d: it has all, over TCP after TC.

    Addresses that come from a wildcard are no matter: see is_wildcard_glue.
    """
    if case.field != "glue" or case.query.tcp:
        return False
    missing = {}
    for record in all_glue(case) - set(glue_of(case.reply)):
        if labels_of(record[0]) not in case.query.zone.nodes:
            continue
        sizes = missing.setdefault(record[:2], [len(record[0])])
        sizes.append(12 + len(record[4]))
    if not missing or case.server == "dns01d":
        return not missing
    full = max(reply.length for reply in case.replies.values() if reply)
    room = case.query.limit - case.reply.length
    for record in case.reply.authority:
        # Those of a sibling are no glue that must be there, but NSD stops where they do not fit.
        types = case.query.zone.nodes.get(labels_of(record[4]), {})
        if any(kind in types and len(types[kind][1]) * 16 > room for kind in ("A", "AAAA")):
            return True
    return full > case.query.limit or any(sum(sizes) > room for sizes in missing.values())


def is_wildcard_glue(case):
    """Only addresses differ that a wildcard below the cut gives, or does not give."""
    if case.field != "glue":
        return False
    everyones = [set(glue_of(reply)) for reply in case.replies.values()
                 if reply and reply.is_referral()]
    differ = set.union(*everyones) - set.intersection(*everyones)
    return all(labels_of(record[0]) not in case.query.zone.nodes for record in differ)


def is_long_chain(case):
    """Knot ends the chain; for the others, that leaves no majority where one refuses the type."""
    chains = {name: len(chain_of(reply)) for name, reply in case.replies.items() if reply}
    return chains.get("Knot") == KNOT_CHAIN and (case.server == "Knot" or case.majority is None)


def labels_of(wire):
    labels, offset = [], 0
    while wire[offset]:
        labels.append(wire[offset + 1:offset + 1 + wire[offset]])
        offset += 1 + wire[offset]
    return tuple(labels)


EXPLAINED = [
    Entry("CD copied", ("BIND",),
          "The CD bit of the query stands in the answer too.",
          "RFC 4035, 3.1.6: an authoritative server SHOULD clear it.",
          lambda case: case.field == "CD" and case.reply.flags & CD),
    Entry("CD cleared in an error", ("Knot", "dns01d"),
          "The CD bit of the query is not copied into BADVERS, where the others copy it.",
          "RFC 4035, 3.1.6: clear is what an authoritative answer SHOULD have.",
          lambda case: case.field == "CD" and not case.reply.flags & CD),
    Entry("other class, other error", ("NSD", "Knot", "BIND", "dns01d"),
          "A query of a class other than IN gets REFUSED, FORMERR or NOTIMP; of class ANY an "
          "answer, with AA or without.",
          "No zone of another class is served, and no RFC says which error to give. dns01d gives "
          "REFUSED to every class but IN.",
          lambda case: case.query.qclass != 1 and is_body(case) and (
              case.server != "dns01d" or case.reply.rcode_name == "REFUSED")),
    Entry("bare REFUSED", ("NSD",),
          "REFUSED to another class comes as a header alone, without question and OPT.",
          "RFC 6891, 6.1.1: an OPT record belongs into the answer.",
          lambda case: case.query.qclass != 1 and case.field in ("question", "OPT")),
    Entry("meta types", ("BIND", "Knot"),
          "For QTYPE OPT, TKEY, TSIG, MAILA, MAILB and 128 to 254, BIND says FORMERR or NOTIMP; "
          "for QTYPE 0 Knot says NOTIMP.",
          "RFC 6895, 3.1: such types are never data; which error says so is left open. dns01d does "
          "as NSD: there are no such data.",
          lambda case: is_body(case) and is_meta_type(case)
          and case.reply.rcode_name in ("FORMERR", "NOTIMP")),
    Entry("cookies and NSID", ("dns01d",),
          "dns01d answers the options COOKIE and NSID.",
          "RFC 7873 and RFC 5001; the others are configured here not to.",
          lambda case: case.field == "OPT" and case.query.edns in ("COOKIE", "NSID")
          and is_right_option(case)),
    Entry("part of ANY", ("NSD", "Knot", "BIND", "dns01d"),
          "An ANY query gets one RRset, or all.",
          "RFC 8482, 4.1: one RRset is enough. Which one is free; it must be whole.",
          lambda case: case.field == "answer" and is_one_of_any(case)),
    Entry("BADVERS with bits as asked", ("NSD",),
          "With BADVERS, header bits that mean nothing in a query (AA, TC, RA, Z) come back as "
          "they were asked, and the DO bit does not.",
          "RFC 3225, 3: DO is copied into the answer; the rest are the answer's own bits.",
          lambda case: case.query.edns == "version 1"
          and case.field in ("AA", "TC", "RA", "Z", "OPT")),
    Entry("AD as asked", ("BIND",),
          "The AD bit of the query stands in some answers too.",
          "RFC 4035, 3.1.6: an unsigned zone gives no cause to set it.",
          lambda case: case.field == "AD"),
    Entry("CNAME loop", ("BIND", "Knot", "NSD", "dns01d"),
          "A chain of CNAMEs that bites its tail is SERVFAIL at BIND; Knot may go round it more than "
          "once, and so does NSD where a wildcard gives the first CNAME.",
          "RFC 1034, 3.6.2 asks only that it ends. dns01d gives each CNAME once.",
          lambda case: is_body(case) and is_loop(case)
          and (case.server != "NSD" or case.majority is None)
          and (case.server != "dns01d" or gives_each_cname_once(case))),
    Entry("no room for the SOA", ("Knot",),
          "Over UDP, Knot leaves the SOA behind a chain of CNAMEs out when it does not fit, "
          "without TC.",
          "RFC 2308, 3 needs it in a negative answer, so dns01d sets TC.",
          lambda case: case.fields == ("authority",) and not case.reply.authority
          and not case.query.tcp and max(reply.length for reply in case.replies.values() if reply)
          > case.query.limit),
    Entry("CNAME across a cut", ("NSD", "Knot", "BIND", "dns01d"),
          "Where a CNAME points below a zone cut, the answer ends with the CNAME, goes on with the "
          "referral, or goes on in the child zone when that is served too.",
          "RFC 1034, 4.3.2 allows each: a resolver asks on by itself.",
          lambda case: is_body(case) and leaves_zone(case) and extends_a_peer(case)),
    Entry("long chain of CNAMEs", ("Knot", "NSD", "BIND", "dns01d"),
          f"Knot ends a chain after {KNOT_CHAIN} links.",
          "RFC 1034, 3.6.2: chains should be short; a resolver asks on by itself.",
          lambda case: is_body(case) and is_long_chain(case) and extends_a_peer(case)),
    Entry("DNSSEC types at a CNAME", ("NSD", "dns01d", "BIND", "Knot"),
          "Asked for RRSIG, NSEC or NSEC3 at the owner of a CNAME, the answer is the CNAME, or "
          "that there are no such data.",
          "RFC 4035, 2.5 lets RRSIG and NSEC stand beside a CNAME, so they may be answered without "
          "following it; in an unsigned zone both say the same.",
          lambda case: is_body(case) and is_like_a_peer(case)
          and case.query.type_name in ("RRSIG", "NSEC", "NSEC3")
          and any(record[1] == CNAME for reply in case.replies.values() if reply
                  for record in reply.answer)),
    Entry("DS by way of a CNAME", ("NSD", "dns01d", "Knot", "BIND"),
          "Where a CNAME points to the apex of a zone that is served together with its parent, and "
          "DS is asked for, NSD and dns01d answer with the parent's data, Knot and BIND with the "
          "child's.",
          "RFC 4035, 3.1.4.1: DS records stand in the parent.",
          lambda case: is_body(case) and is_like_a_peer(case) and case.query.type_name == "DS"
          and any(record[1] == CNAME for reply in case.replies.values() if reply
                  for record in reply.answer)),
    Entry("child's names in the parent", ("NSD", "Knot", "BIND"),
          "Where a zone and its child are both served and the parent's file holds names below the "
          "cut, NSD takes such names, or those above them, for empty non-terminals of the child.",
          "The child's data alone decide: NXDOMAIN (RFC 2308).",
          lambda case: is_body(case) and case.reply.flags & AA
          and (case.query.zone.nested or case.place == "below a cut")),
    Entry("glue that does not fit", ("NSD", "Knot", "BIND", "dns01d"),
          "Over UDP, addresses of name servers that do not fit are left out without TC. What fits "
          "also hangs on how well names are compressed.",
          "RFC 9471, 3.1 asks for TC when glue of a name server in the delegated domain is left "
          "out; dns01d does so.",
          is_glue_too_long),
    Entry("TC for glue that fits", ("BIND",),
          "BIND sets TC on some referrals whose glue would just have fitted.",
          "Harmless: the resolver asks again over TCP.",
          lambda case: case.field == "TC" and case.reply.is_referral()),
    Entry("glue from a wildcard", ("NSD", "Knot", "BIND", "dns01d"),
          "Where the address of a name server would come from a wildcard below the cut, NSD and "
          "Knot give it as glue; BIND does not.",
          "RFC 4592 knows no wildcards below a cut; either way a resolver finds its way.",
          is_wildcard_glue),
]


def document():
    """The text of docs/differences.md."""
    lines = INTRODUCTION.splitlines() + [""]
    ours = [entry for entry in EXPLAINED if "dns01d" in entry.servers and not entry.open]
    peers = [entry for entry in EXPLAINED if "dns01d" not in entry.servers]
    still = [entry for entry in EXPLAINED if entry.open]
    lines += section("Where dns01d may differ from the majority", ours)
    lines += section("Where others differ from the majority", peers)
    lines += section("Faults of dns01d not mended yet", still)
    return "\n".join(lines[:-1]) + "\n"


def section(title, entries):
    if not entries:
        return []
    lines = [f"## {title}", "", "| class | servers | what | why it stays |",
             "| --- | --- | --- | --- |"]
    for entry in entries:
        cells = entry.name, ", ".join(entry.servers), entry.what, entry.reason
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


def explain(case):
    """The entry that explains a case, or None."""
    for entry in EXPLAINED:
        if case.server in entry.servers and case.reply is not None and entry.matches(case):
            return entry
    return None
