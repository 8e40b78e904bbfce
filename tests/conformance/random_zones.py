"""Random zones, as text that every name server reads and as a model that queries are drawn from.

A zone comes from its seed and number alone. FEATURES says what zones may hold: one line each.
"""

import dataclasses
import random
import re

# What generated zones hold. One line here turns a feature on for every run.
FEATURES = {
    "wildcards": True,
    "cname": True,
    "cuts": True,
    "long text": True,  # Names whose text is longer than 255 characters, by escapes.
    "repeats": True,  # Records that differ only in the letter case of a name in their data.
    "at sign": False,  # The label `@`: dns01d refuses names in rdata that begin with it.
}

LABEL_MAX = 63
NAME_MAX = 255
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*")
LABELS = [b"a", b"b", b"c", b"d", b"www", b"mail", b"_acme-challenge", b"_tcp", b"x7", b"0", b"-"]
STRANGE_LABELS = [b"with.dot", b"with space", b'quo"te', b"semi;colon", b"back\\slash", b"at@sign",
                  b"(paren)", b"\x00", b"\xff\xfe", b"$ttl", b"\x7f\x01", b"a\xc4b", b"@", b"#"]
TTLS = [0, 1, 60, 300, 3600, 86400, 2147483647]
OUTSIDE = [(b"ns", b"elsewhere", b"invalid"), (b"host", b"example", b"net"), (b"org",)]
PRINTABLE = bytes(range(0x20, 0x7f))
# Octets that a label may hold behind a backslash. Not `\#`, which NSD takes for the mark of
# RFC 3597 rdata, not `\\`, whose end NSD 4.6 misses before `\.`, and not `\[`, which BIND takes for
# a bit-string label.
ESCAPABLE = frozenset(PRINTABLE) - frozenset(b" #[\\")


def fold(name):
    """A name as a tuple of labels, A-Z folded and nothing else."""
    return tuple(label.lower() for label in name)


def wire_length(name):
    return sum(len(label) + 1 for label in name) + 1


def name_wire(name):
    return b"".join(bytes([len(label)]) + label for label in name) + b"\0"


def label_text(label, rng=None):
    """Zone-file text of a label; octets that may be written in two ways are, by chance."""
    out = []
    for octet in label:
        if octet in PLAIN:
            out.append(chr(octet))
        elif octet in ESCAPABLE and rng is not None and rng.random() < 0.5:
            out.append("\\" + chr(octet))
        else:
            out.append(f"\\{octet:03d}")
    return "".join(out)


def name_text(name, rng=None):
    """Absolute zone-file text."""
    return "".join(label_text(label, rng) + "." for label in name) or "."


def canonical(text):
    """Zone-file text with one way to write each label."""
    return re.sub(r"\\([^0-9])", lambda found: f"\\{ord(found.group(1)):03d}", text.lower())


def random_case(name, rng):
    return tuple(bytes(octet ^ 0x20 if (65 <= octet <= 90 or 97 <= octet <= 122)
                       and rng.random() < 0.5 else octet for octet in label) for label in name)


def string_text(octets, rng):
    """A quoted character-string."""
    out = []
    for octet in octets:
        if octet in b'"\\':
            out.append("\\" + chr(octet))
        elif 0x20 <= octet < 0x7f and rng.random() < 0.98:
            out.append(chr(octet))
        else:
            out.append(f"\\{octet:03d}")
    return '"' + "".join(out) + '"'


@dataclasses.dataclass
class Zone:
    """apex and the keys of `nodes` are folded tuples of labels; values: type -> (TTL, texts)."""

    number: int
    apex: tuple
    nodes: dict
    cuts: set
    text: str = ""
    nested: bool = False  # It stands below another one that is served too.

    @property
    def name(self):
        return name_text(self.apex)

    def exists(self, name):
        """The name owns records or stands above one that does."""
        return name in self.nodes or name in self.above

    def finish(self):
        self.above = {owner[i:] for owner in self.nodes
                      for i in range(1, len(owner) - len(self.apex) + 1)}
        self.owners = sorted(self.nodes)
        self.middles = sorted(self.above - self.nodes.keys())

    def place(self, name, _depth=0):
        """Where a folded name stands; only to put a name to a class of differences."""
        if name[len(name) - len(self.apex):] != self.apex:
            return "outside"
        if name == self.apex:
            return "apex"
        for i in range(len(name) - len(self.apex) - 1, -1, -1):
            if name[i:] in self.cuts:
                return "cut" if i == 0 else "below a cut"
        if name in self.nodes:
            return "CNAME" if "CNAME" in self.nodes[name] else "owner"
        if name in self.above:
            return "empty non-terminal"
        for i in range(1, len(name)):
            if self.exists(name[i:]):
                source = self.nodes.get((b"*",) + name[i:])
                if source is None and (b"*",) + name[i:] in self.above:
                    return "empty wildcard"
                if source is None:
                    return "no such name"
                return "wildcard CNAME" if "CNAME" in source else "wildcard"
        return "no such name"

    def excerpt(self, name):
        """Lines of the zone that have to do with a name: its ancestors, wildcards, descendants."""
        lines = []
        for owner, types in self.nodes.items():
            parent = owner[1:] if owner[:1] == (b"*",) else owner
            if name[-len(parent):] == parent or owner[-len(name):] == name:
                for kind, (ttl, texts) in types.items():
                    lines += [f"{name_text(owner)} {ttl} {kind} {text[:80]}" for text in texts]
        return lines[:40]


class Builder:
    """Makes one zone."""

    def __init__(self, seed, number, parent=None, features=None):
        self.rng = random.Random(f"zone {seed} {number}")
        self.number = number
        self.features = FEATURES if features is None else features
        self.apex = fold(self.make_apex(parent))
        self.nodes = {}
        self.cuts = set()

    def make_apex(self, parent):
        rng = self.rng
        first = f"z{self.number}".encode()
        if parent is not None:
            return (first,) + parent
        kind = rng.random()
        if kind < 0.1:
            return (first, b"x" * 63, b"y" * 63, b"test")
        if kind < 0.3:
            return (first, b"in-addr", b"example", b"test")
        return (first, b"test")

    def label(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.75:
            return rng.choice(LABELS)
        if kind < 0.87:
            label = rng.choice(STRANGE_LABELS)
            return label if label != b"@" or self.features["at sign"] else b"at@sign"
        if kind < 0.9:
            return bytes(rng.choices(b"abcxyz09-", k=LABEL_MAX))
        return bytes(rng.randrange(256) for _ in range(rng.randint(2, 8))).lower()

    def below(self, base, depth):
        name = base
        for _ in range(depth):
            label = self.label()
            if self.features["wildcards"] and self.rng.random() < 0.18:
                label = b"*"
            name = fold((label,)) + name
        if not self.features["long text"] and len(name_text(name)) > NAME_MAX:
            return base
        return name if wire_length(name) <= NAME_MAX else base

    def new_name(self):
        rng = self.rng
        if self.nodes and rng.random() < 0.4:
            base = rng.choice(list(self.nodes))
        else:
            base = self.apex
        return self.below(base, rng.choices([1, 2, 3, 5, 9], [50, 30, 12, 6, 2])[0])

    def longest_name(self):
        """A name of 255 octets."""
        name = self.apex
        while wire_length(name) < NAME_MAX:
            room = NAME_MAX - wire_length(name) - 1
            if room > LABEL_MAX and room - LABEL_MAX < 2:
                length = LABEL_MAX - 2
            else:
                length = min(room, LABEL_MAX)
            if length < 1:
                return name
            name = (bytes(self.rng.choices(b"abcxyz", k=length)),) + name
        return name

    # Targets of CNAME, MX, SRV, NS.

    def target(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.45:
            return rng.choice(list(self.nodes))
        if kind < 0.6:
            return self.new_name()
        if kind < 0.75:
            return self.below(rng.choice(list(self.nodes)), 1)
        if kind < 0.8:
            return self.apex
        return rng.choice(OUTSIDE)

    def target_text(self):
        return name_text(random_case(self.target(), self.rng), self.rng)

    def rdata(self, kind):
        rng = self.rng
        if kind == "A":
            return f"192.0.2.{rng.randrange(256)}"
        if kind == "AAAA":
            return f"2001:db8::{rng.randrange(65536):x}"
        if kind == "TXT":
            count = rng.choices([1, 2, 5], [70, 20, 10])[0]
            return " ".join(self.txt_string() for _ in range(count))
        if kind == "CAA":
            return f'{rng.choice([0, 128])} {rng.choice(["issue", "issuewild", "iodef"])} "ca.test"'
        if kind == "MX":
            return f"{rng.randrange(100)} {self.target_text()}"
        if kind == "SRV":
            return f"{rng.randrange(9)} {rng.randrange(9)} {rng.randrange(65536)} " \
                   f"{self.target_text()}"
        if kind == "PTR":
            return self.target_text()
        if kind == "NAPTR":
            return f'{rng.randrange(9)} {rng.randrange(9)} "u" "E2U+sip" "!^.*$!x!" .'
        if kind == "DS":
            return f"{rng.randrange(65536)} 13 2 {rng.randbytes(32).hex()}"
        data = rng.randbytes(rng.choice([0, 1, 4, 40, 300]))
        return f"\\# {len(data)} {data.hex()}".rstrip()

    def txt_string(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.5:
            return string_text(bytes(rng.choices(b"ABCDEFabcdef0123456789-_", k=43)), rng)
        if kind < 0.6:
            return '""'
        if kind < 0.7:
            return string_text(bytes(rng.choices(PRINTABLE, k=255)), rng)
        return string_text(rng.randbytes(rng.randint(1, 60)), rng)

    # The zone.

    def add(self, name, kind, count=None):
        """Adds an RRset unless the name has it, or has or would get CNAME and other data."""
        rng = self.rng
        types = self.nodes.setdefault(name, {})
        if kind in types or "CNAME" in types or (kind == "CNAME" and types):
            return
        if count is None:
            count = rng.choices([1, 2, 4, 9], [60, 25, 12, 3])[0]
        texts = {self.rdata(kind) if kind != "CNAME" else self.target_text() for _ in range(count)}
        if not self.features["repeats"] and kind in ("MX", "SRV", "PTR"):
            texts = {canonical(text): text for text in sorted(texts)}.values()
        types[kind] = (rng.choice(TTLS), sorted(texts))

    def add_apex(self):
        rng = self.rng
        minimum = rng.choice([0, 1, 60, 300, 86400])
        mname, rname = (b"ns1",) + self.apex, (b"host.master",) + self.apex
        soa = f"{name_text(mname)} {name_text(rname, rng)} {rng.randrange(1, 2**32)} 3600 600 " \
              f"86400 {minimum}"
        self.nodes[self.apex] = {"SOA": (rng.choice(TTLS), [soa])}
        targets = {name_text(mname)}
        self.add(mname, "A", 1)
        if rng.random() < 0.5:
            self.add(mname, "AAAA", 2)
        if rng.random() < 0.6:
            targets.add(name_text(rng.choice(OUTSIDE)))
        self.nodes[self.apex]["NS"] = (rng.choice(TTLS), sorted(targets))
        for kind in ("A", "TXT", "MX", "CAA", "TYPE65280"):
            if rng.random() < 0.4:
                self.add(self.apex, kind)

    def add_cut(self):
        rng = self.rng
        cut = self.new_name()
        if cut == self.apex or cut in self.nodes or cut[:1] == (b"*",):
            return
        targets = []
        for _ in range(rng.choices([1, 2, 4], [40, 40, 20])[0]):
            kind = rng.random()
            if kind < 0.4:
                target = self.below(cut, rng.choice([1, 1, 2]))
            elif kind < 0.55:
                target = cut
            elif kind < 0.7:
                target = rng.choice(list(self.nodes))
            elif kind < 0.75:
                target = self.below(cut, 3)
            else:
                target = rng.choice(OUTSIDE)
            targets.append(target)
        self.cuts.add(cut)
        self.nodes[cut] = {"NS": (rng.choice(TTLS), sorted({name_text(t, rng) for t in targets}))}
        for target in targets:
            if target[-len(cut):] == cut and rng.random() < 0.8:
                self.add(target, "A")
                if rng.random() < 0.5:
                    self.add(target, "AAAA")
        if rng.random() < 0.4:
            self.add(cut, "DS")
        if rng.random() < 0.2:
            self.add(cut, rng.choice(["TXT", "MX"]))
        for _ in range(rng.choice([0, 0, 1, 2])):
            self.add(self.below(cut, rng.choice([1, 2])), rng.choice(["A", "AAAA", "TXT", "CAA"]))

    def add_delegation(self, child):
        """The cut above a zone that is served too."""
        self.cuts.add(child)
        self.nodes[child] = {"NS": (300, [name_text((b"ns1",) + child)])}
        self.nodes[(b"ns1",) + child] = {"A": (300, ["192.0.2.77"])}
        if self.rng.random() < 0.5:
            self.nodes[child]["DS"] = (60, [self.rdata("DS")])

    def build(self, child=None):
        rng = self.rng
        self.add_apex()
        kinds = ["A", "AAAA", "TXT", "CAA", "MX", "SRV", "PTR", "NAPTR", "TYPE65280"]
        for _ in range(rng.randint(5, 45)):
            self.add(self.new_name(), rng.choice(kinds))
            if rng.random() < 0.5:
                self.add(rng.choice(list(self.nodes)), rng.choice(kinds))
        if rng.random() < 0.5:
            self.add(self.longest_name(), "TXT", 1)
        if rng.random() < 0.6:
            self.add(self.below(self.apex, 1), "TXT", rng.choice([12, 30, 120]))
        if rng.random() < 0.3:
            self.add(self.below(self.apex, 1), "A", rng.choice([28, 31, 73, 77, 250]))
        if self.features["cuts"]:
            for _ in range(rng.choice([0, 1, 3, 6])):
                self.add_cut()
            if child is not None and child not in self.nodes:
                self.add_delegation(child)
        if self.features["wildcards"]:
            for _ in range(rng.choice([0, 1, 4])):
                base = rng.choice(list(self.nodes)) if rng.random() < 0.7 else self.apex
                name = (b"*",) + base
                if wire_length(name) <= NAME_MAX:
                    self.add(name, rng.choice(kinds))
                    if self.features["cname"] and rng.random() < 0.3:
                        self.add((b"*",) + self.below(base, 1), "CNAME", 1)
        if self.features["cname"]:
            for _ in range(rng.choice([0, 2, 8])):
                self.add(self.new_name(), "CNAME", 1)
            self.add_chain()
        for name in [name for name, types in self.nodes.items() if not types]:
            del self.nodes[name]
        zone = Zone(self.number, self.apex, self.nodes, self.cuts)
        zone.finish()
        zone.text = self.text()
        return zone

    def add_chain(self):
        rng = self.rng
        names = [self.new_name() for _ in range(rng.choice([0, 2, 4, 7]))]
        names = [name for name in dict.fromkeys(names) if name not in self.nodes]
        for name, target in zip(names, names[1:]):
            self.nodes[name] = {"CNAME": (rng.choice(TTLS), [name_text(target, rng)])}
        if names and rng.random() < 0.7:
            self.add(names[-1], rng.choice(["A", "TXT"]))

    # Zone-file text.

    def text(self):
        rng = self.rng
        apex = self.nodes[self.apex]
        lines = [f"$ORIGIN {name_text(self.apex)}", "$TTL 3600"]
        last = None
        entries = [(self.apex, "SOA", *apex["SOA"])]
        rest = [(name, kind, ttl, text) for name, types in self.nodes.items()
                for kind, (ttl, texts) in types.items() if kind != "SOA" for text in texts]
        rng.shuffle(rest)
        for name, kind, ttl, text in [(*entries[0][:3], entries[0][3][0])] + rest:
            if name == last and rng.random() < 0.5:
                owner = ""
            else:
                owner = self.owner_text(name)
            last = name
            if kind == "SOA" and rng.random() < 0.5:
                parts = text.split(" ")
                text = " ".join(parts[:2]) + " ( ; numbers\n " + "\n ".join(parts[2:]) + " )"
            stamp = rng.choice([f"{ttl} IN", f"IN {ttl}", f"{ttl}"])
            comment = " ; comment" if rng.random() < 0.05 else ""
            lines.append(f"{owner} {stamp} {kind} {text}{comment}")
        return "\n".join(lines) + "\n"

    def owner_text(self, name):
        rng = self.rng
        shown = random_case(name, rng) if rng.random() < 0.3 else name
        if name == self.apex:
            return "@" if rng.random() < 0.7 else name_text(shown)
        if rng.random() < 0.7:
            own = shown[:len(name) - len(self.apex)]
            return ".".join(label_text(label, rng) for label in own)
        return name_text(shown, rng)


def build_zones(seed, count, features=None):
    """The zones of one run; some stand directly below another one that is served too."""
    features = FEATURES if features is None else features
    chance = random.Random(f"zones {seed}")
    builders = []
    children = {}
    for number in range(count):
        parent = None
        if builders and chance.random() < 0.15 and features["cuts"]:
            parent = builders[-1]
        builder = Builder(seed, number, parent.apex if parent else None, features)
        if parent is not None and wire_length(builder.apex) < 160:
            children[parent.number] = builder.apex
        elif parent is not None:
            builder = Builder(seed, number, None, features)
        builders.append(builder)
    zones = [builder.build(children.get(builder.number)) for builder in builders]
    for zone in zones:
        zone.nested = zone.apex in children.values()
    return zones
