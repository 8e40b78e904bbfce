"""Compares the answers of several servers to one query, field by field.

What is free is taken away first: order of records in a section (but not of a CNAME chain), letter
case of names (but not of the question), additional records other than glue that a resolver cannot
do without, Extended DNS Errors. A datagram with TC is compared by its header; its records are those
of the same query over TCP.
"""

import collections
import dataclasses

from message import A, AA, AAAA, AD, CD, CNAME, NS, RA, RD, TC, Z, Malformed, Reply
from random_zones import fold

# Fields of one group make one case, since they follow from one another.
BODY = ("rcode", "AA", "answer", "chain", "authority", "glue")
GROUPS = (BODY, ("TC",), ("QR and opcode",),
          ("RD",), ("RA",), ("Z",), ("AD",), ("CD",), ("question",), ("OPT",))
FIELDS = tuple(field for group in GROUPS for field in group)
SPECIAL_TYPES = {"ANY", "DS", "OPT", "RRSIG", "MAILB", "MAILA", "TKEY", "TSIG", "TYPE0", "NSEC",
                 "NS", "SOA", "CNAME"}


@dataclasses.dataclass
class Case:
    """One server that stands against the majority of the peers in some fields of one query."""

    query: object
    server: str
    fields: tuple
    reply: object      # None: no answer, or one that is malformed (then `fault`).
    majority: object   # The reply of a peer that is of the majority; None: the peers are split.
    replies: dict
    fault: str = ""

    @property
    def field(self):
        """The first of the fields."""
        return self.fields[0].split(" (")[0]

    @property
    def place(self):
        return self.query.zone.place(fold(self.query.name))

    def key(self):
        """The class this case belongs to."""
        query = self.query
        if not self.fault and self.field not in BODY:
            return self.server, self.fields[0], query.edns, self.reply.rcode_name
        kind = query.type_name if query.type_name in SPECIAL_TYPES else "type"
        if 128 <= query.qtype < 256 and kind == "type":
            kind = "meta type"
        words = [self.place, kind if query.qclass == 1 else f"{kind} in {query.class_name}"]
        if query.edns not in ("none", "plain"):
            words.append(query.edns)
        majority = self.majority.kind() if self.majority else "split"
        reply = self.reply.kind() if self.reply else self.fault
        return self.server, ", ".join(self.fields), ", ".join(words), f"{majority} -> {reply}"


def glue_of(reply):
    """Addresses of name servers at or below the cut of a referral."""
    if not reply.is_referral() or not reply.additional:
        return ()
    cuts = {record[0] for record in reply.authority if record[1] == NS}
    targets = {record[4] for record in reply.authority if record[1] == NS}
    return tuple(sorted(record for record in reply.additional
                        if record[1] in (A, AAAA) and record[0] in targets
                        and any(record[0].endswith(cut) for cut in cuts)))


def truncation(query, reply, full):
    """Whether TC is as it must be: set when the whole answer does not fit, and only then."""
    if reply.length > query.limit:
        return "longer than allowed"
    if not reply.flags & TC:
        return "right"
    if full is None or full.length > query.limit:
        return "right"
    return "TC though it fits"


def without_ede(options):
    """Options but Extended DNS Errors (RFC 8914), which are free for every server to add."""
    kept, offset = [], 0
    while offset + 4 <= len(options):
        end = offset + 4 + int.from_bytes(options[offset + 2:offset + 4], "big")
        if options[offset:offset + 2] != b"\0\x0f":
            kept.append(options[offset:end])
        offset = end
    return b"".join(kept)


def view(query, reply, full):
    """The fields of an answer, as values that are equal where answers are."""
    body = full if full is not None and reply.flags & TC else reply
    opt, flags, answer = reply.opt, reply.flags, body.answer
    if opt is not None:
        opt = opt[1], opt[2], without_ede(opt[3])
    return (reply.rcode, flags & AA, sorted(answer),
            [record for record in answer if record[1] == CNAME], sorted(body.authority),
            glue_of(body), truncation(query, reply, full), flags & 0xF800, flags & RD, flags & RA,
            flags & Z, flags & AD, flags & CD, reply.question, opt)


class Comparison:
    """Takes the answers of one run; keeps classes of differences with a count and an example."""

    def __init__(self, names, ours, explain):
        self.names = names
        self.ours = ours
        self.explain = explain
        self.queries = 0
        self.equal = 0
        self.classes = collections.Counter()
        self.examples = {}
        self.explained = collections.Counter()
        self.explained_examples = {}

    def decode(self, query, first, second):
        """Returns (reply, view, fault) of one server."""
        if first is None:
            return None, None, "no answer"
        try:
            reply = Reply(first)
            full = Reply(second) if second is not None else None
        except Malformed as error:
            return None, None, f"malformed: {error}"
        seen = view(query, reply, full)
        return (full if full is not None and reply.flags & TC else reply), seen, ""

    def add(self, query, first, second):
        """first, second: for each server its answer, and its answer over TCP or None."""
        self.queries += 1
        decoded = [self.decode(query, one, two) for one, two in zip(first, second)]
        views = [seen for _, seen, _ in decoded]
        if views[0] is not None and all(seen == views[0] for seen in views):
            self.equal += 1
            return
        peers = [i for i, name in enumerate(self.names) if name != self.ours]
        against = self.find_against(views, peers)
        replies = {name: reply for name, (reply, _, _) in zip(self.names, decoded)}
        for i, fields in enumerate(against):
            reply, _, fault = decoded[i]
            if fault:
                fields = ["answered"]
            for group in (("answered",),) + GROUPS:
                own = tuple(field for field in fields if field.split(" (")[0] in group)
                if own:
                    majority = self.find_majority(decoded, against, group, i)
                    self.add_case(Case(query, self.names[i], own, reply, majority, replies, fault))

    def find_majority(self, decoded, against, group, but):
        """The reply of a peer that is not in the minority for any field of the group."""
        for i, (reply, _, fault) in enumerate(decoded):
            if i != but and self.names[i] != self.ours and not fault and not any(
                    field.split(" (")[0] in group for field in against[i]):
                return reply
        return None

    def find_against(self, views, peers):
        """For each server the fields in which it stands against the majority of the peers."""
        against = [[] for _ in views]
        present = [seen for seen in (views[i] for i in peers) if seen is not None]
        for number, field in enumerate(FIELDS):
            values = [seen[number] for seen in present]
            best = max(values, key=values.count, default=None)
            split = len(values) > 1 and values.count(best) == 1
            for i, seen in enumerate(views):
                if seen is None or seen[number] == best and not split:
                    continue
                if split and self.names[i] == self.ours and seen[number] in values:
                    continue
                against[i].append(field + " (split)" if split else field)
        return against

    def add_case(self, case):
        entry = self.explain(case)
        if entry is not None:
            key = entry.name, case.server
            self.explained[key] += 1
            self.explained_examples.setdefault(key, case)
            return
        key = case.key()
        self.classes[key] += 1
        best = self.examples.get(key)
        if best is None or len(case.query.zone.nodes) < len(best.query.zone.nodes):
            self.examples[key] = case

    def faults(self, server=None):
        """Unexplained classes, of one server or of all, most frequent first."""
        return [(key, count) for key, count in self.classes.most_common()
                if server is None or key[0] == server]
