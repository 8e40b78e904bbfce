"""The differential test: random zones and random queries, put to dns01d, NSD, Knot and BIND.

    /usr/bin/python3 tests/conformance/differential.py --zones 200 --queries 1000 --seed 1

Each server loads the same zone files. dns01d is wrong where it differs from what the majority of
the three others say, unless explained.py gives a reason; differences among the three are explained
there too. The seed is printed: the same seed makes the same zones and queries.
"""

import argparse
import contextlib
import json
import pathlib
import random
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE)]

from asker import Asker, ask_all  # noqa: E402
from compare import Comparison  # noqa: E402
from explained import DOCUMENT, EXPLAINED, document, explain  # noqa: E402
from message import record_text  # noqa: E402
from peers import PEERS, Ours, write_zones  # noqa: E402
from random_queries import build_queries  # noqa: E402
from random_zones import FEATURES, build_zones  # noqa: E402

QUERIES_AT_ONCE = 2000


def run(folder, seed, zones, queries, features=None, with_ours=True, build=None, seconds=None):
    """One run; returns its Comparison. `seconds`: stop asking after so long."""
    zone_list = build_zones(seed, zones, features)
    paths = write_zones(pathlib.Path(folder) / "zones", zone_list)
    with contextlib.ExitStack() as stack:
        servers = [kind(folder, zone_list, paths) for kind in PEERS]
        if with_ours:
            servers.append(Ours(folder, zone_list, paths, build))
        for server in servers:
            stack.enter_context(server)
        askers = [stack.enter_context(contextlib.closing(Asker(server))) for server in servers]
        comparison = Comparison([server.name for server in servers], Ours.name, explain)
        deadline = time.monotonic() + seconds if seconds else None
        for zone in zone_list:
            if deadline and time.monotonic() > deadline:
                break
            compare_zone(comparison, askers, zone, build_queries(zone, seed, queries))
        for server in servers:
            server.check_running()
    return comparison


def compare_zone(comparison, askers, zone, queries):
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        part = queries[start:start + QUERIES_AT_ONCE]
        first, second = ask_all(askers, part)
        for index, query in enumerate(part):
            comparison.add(query, [results.get(index) for results in first],
                           [results.get(index) for results in second])


def reply_lines(reply):
    if reply is None:
        return ["    no answer that can be read"]
    lines = [f"    {reply.rcode_name} flags {reply.flags:04x} {reply.kind()}, "
             f"{reply.length} octets, OPT {reply.opt}"]
    for section in ("answer", "authority", "additional"):
        records = getattr(reply, section)
        lines += [f"      {section}: {record_text(record)}" for record in records[:8]]
        if len(records) > 8:
            lines.append(f"      {section}: {len(records)} records")
    return lines


def case_lines(case):
    """An example: query, the zone's records that matter, every server's answer."""
    lines = [f"  zone {case.query.zone.name} query {case.query}"]
    lines += [f"    | {line}" for line in case.query.zone.excerpt(
        tuple(label.lower() for label in case.query.name))]
    for name, reply in case.replies.items():
        lines.append(f"   {name}:")
        lines += reply_lines(reply)
    return lines


def print_report(comparison, verbose):
    print(f"{comparison.queries} queries, {comparison.equal} answered alike by "
          f"{', '.join(comparison.names)}")
    print("\nexplained differences (docs/differences.md):")
    for (name, server), count in sorted(comparison.explained.items()):
        example = comparison.explained_examples[name, server]
        print(f"{count:8} {server:7} {name}: {example.query}")
    for entry in EXPLAINED:
        if not any(name == entry.name for name, _ in comparison.explained):
            print(f"       0 {'':7} {entry.name}: not seen in this run")
    print("\nunexplained differences: server, fields, where and what, majority -> server")
    for key, count in comparison.faults():
        print(f"{count:8} {' | '.join(key)}")
        lines = case_lines(comparison.examples[key])
        print("\n".join(lines if verbose else lines[:1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zones", type=int, default=200)
    parser.add_argument("--queries", type=int, default=1000, help="for each zone")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(1 << 32)))
    parser.add_argument("--build", help="folder with dns01d (default: build)")
    parser.add_argument("--peers-only", action="store_true", help="compare the three others alone")
    parser.add_argument("--feature", action="append", choices=(*FEATURES, "all"), default=[],
                        help="let zones hold this too")
    parser.add_argument("--verbose", action="store_true", help="show every example whole")
    parser.add_argument("--keep", help="folder for zones, configurations and logs")
    parser.add_argument("--write-docs", action="store_true", help="write docs/differences.md only")
    options = parser.parse_args()
    if options.write_docs:
        DOCUMENT.write_text(document())
        return 0
    features = {name: on or name in options.feature or "all" in options.feature
                for name, on in FEATURES.items()}
    print(f"seed {options.seed}, {options.zones} zones of {options.queries} queries, "
          + json.dumps(features), flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dns01d-test-") as folder:
        comparison = run(options.keep or folder, options.seed, options.zones, options.queries,
                         features, not options.peers_only, options.build)
    print_report(comparison, options.verbose)
    faults = sum(count for _, count in comparison.faults())
    print(f"\n{comparison.queries} queries in {time.monotonic() - start:.0f} s, "
          f"{faults} unexplained differences")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
