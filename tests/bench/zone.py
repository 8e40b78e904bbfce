#!/usr/bin/python3
"""Write the benchmark's zone and its queries, the same octets for the same seed.

Zone: `auth.example.` with SOA, NS, the name server's address and N lines
`<uuid4> 60 IN TXT "<base64url(sha256(name)), 43 characters>"`.

Queries: a line `zone NAME`, then one line each, in random order:
`NAME TXT VALUE` (the answer must be exactly this value) or `NAME NXDOMAIN`.
"""

import argparse
import base64
import hashlib
import pathlib
import random

ZONE = "auth.example."
TTL = 60
QUERIES = 200_000
HIT_SHARE = 0.8

HEAD = f"""$ORIGIN {ZONE}
@ {TTL} IN SOA ns1 hostmaster 1 3600 600 86400 {TTL}
@ {TTL} IN NS ns1
ns1 {TTL} IN A 192.0.2.1
"""


def uuid4(source: random.Random) -> str:
    """A UUID of version 4 (RFC 9562, 5.4) from a seeded source, which uuid.uuid4 cannot use."""
    bits = source.getrandbits(128)
    bits = bits & ~(0xF << 76) | 0x4 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def value_of(label: str) -> str:
    """The TXT value of a name: as an ACME client's, 43 characters of base64url."""
    digest = hashlib.sha256(f"{label}.{ZONE}".encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def write_zone(path: pathlib.Path, labels: list[str]) -> None:
    with path.open("w", encoding="ascii") as zone:
        zone.write(HEAD)
        zone.writelines(f'{label} {TTL} IN TXT "{value_of(label)}"\n' for label in labels)


def write_queries(
    path: pathlib.Path, labels: list[str], count: int, source: random.Random
) -> None:
    known = set(labels)
    with path.open("w", encoding="ascii") as queries:
        queries.write(f"zone {ZONE}\n")
        for _ in range(count):
            if source.random() < HIT_SHARE:
                label = source.choice(labels)
                queries.write(f"{label}.{ZONE} TXT {value_of(label)}\n")
                continue
            label = uuid4(source)
            while label in known:
                label = uuid4(source)
            queries.write(f"{label}.{ZONE} NXDOMAIN\n")


def write_both(
    zone: pathlib.Path, queries: pathlib.Path, names: int, seed: int, count: int = QUERIES
) -> None:
    source = random.Random(seed)
    labels = [uuid4(source) for _ in range(names)]
    write_zone(zone, labels)
    write_queries(queries, labels, count, source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("zone_file", type=pathlib.Path)
    parser.add_argument("query_file", type=pathlib.Path)
    options = parser.parse_args()
    if options.names < 1 or options.queries < 1:
        parser.error("--names and --queries are at least 1")
    write_both(
        options.zone_file, options.query_file, options.names, options.seed, options.queries
    )


if __name__ == "__main__":
    main()
