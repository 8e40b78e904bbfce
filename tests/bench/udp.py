"""Benchmark `udp`: CPU time of one worker per verified answer, dns01d beside the floors.

Each round measures every server once, in turn (A B C A B C ...), so that what else the machine does
falls on all of them. All ratios are to the floor whose median is lowest in this very run.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from program import free_port
from servers import (
    ADDRESS,
    FLOOR_FLAGS,
    READY_SECONDS_MAX,
    BenchError,
    Dns01d,
    OwnFloor,
    SharedFloor,
    compile_shared_floor,
    pinned,
    shared_floor_source,
)
from zone import HIT_SHARE, QUERIES, write_both

TITLE = "CPU of one worker per UDP answer, dns01d beside the floor"
SEED = 1
# Medians of floors that cost the same differ by this much from run to run on a busy machine.
FLOOR_TOLERANCE = 1.05
CPU = "server_cpu_us_per_answer"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="dev bench udp", description=TITLE)
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument("--seconds", type=positive(float), default=3.0, help="of each measurement")
    parser.add_argument("--names", type=name_counts, default=[1000, 100_000], help="1000,100000")
    parser.add_argument("--sockets", type=positive(int), default=8)
    parser.add_argument("--window", type=positive(int), default=24)
    parser.add_argument("--servers", type=lambda text: text.split(","), help="only these")
    return parser.parse_args(arguments)


def positive(kind):
    def convert(text):
        number = kind(text)
        if number <= 0:
            raise ValueError(text)
        return number

    convert.__name__ = "positive number"
    return convert


def name_counts(text):
    return [positive(int)(part) for part in text.split(",")]


def choose_cores():
    """(server's core, generator's core), or (None, None) where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("only one CPU: server and generator share it, and nothing is pinned")
        return None, None
    return cores[0], cores[1]


def find_servers(root, build, folder, wanted):
    """The servers there are, in the order of a round; says which are skipped, and why."""
    own = build / "tests/bench/d1bench-floor"
    servers = [OwnFloor(mode, own, folder) for mode in ("mmsg", "uvpoll")]
    source = shared_floor_source(root)
    shared = compile_shared_floor(source, folder)
    if shared is None:
        print(f"shared floor: skipped (FLOOR_C names {source}, which is not there)")
    else:
        servers += [SharedFloor(mode, shared, folder) for mode in ("mmsg", "uvpoll")]
    program = build / "dns01d"
    if program.is_file():
        servers.append(Dns01d(program, folder))
    else:
        print(f"dns01d: skipped ({program} is not built)")
    names = [server.name for server in servers]
    for name in wanted or []:
        if name not in names:
            raise BenchError(f"no server '{name}'; there are: {', '.join(names)}")
    return [server for server in servers if wanted is None or server.name in wanted]


def measure(server, zone, queries, build, options, cores):
    """Start one server, ask it, stop it. Returns what the generator printed."""
    port = free_port(ADDRESS)
    with server.running(zone, port, cores[0]) as process:
        command = [
            build / "tests/bench/d1bench-generator",
            "--mode=udp",
            f"--server={ADDRESS}:{port}",
            f"--queries={queries}",
            f"--sockets={options.sockets}",
            f"--window={options.window}",
            f"--time={round(options.seconds * 1000)}ms",
            f"--wait={READY_SECONDS_MAX}s",
            f"--pid={process.pid}",
            f"--threads={server.threads}",
        ]
        result = subprocess.run(
            pinned(cores[1], command), capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise BenchError(f"{server.name}: {result.stderr.strip()}\n{process.tail()}")
    return json.loads(result.stdout)


def run_rounds(servers, names, folder, build, options, cores):
    """Returns {server name: [what the generator printed, one per round]}."""
    zone = folder / f"zone-{names}"
    queries = folder / f"queries-{names}"
    print(f"\n{names:,} names: writing the zone and {QUERIES:,} queries", flush=True)
    write_both(zone, queries, names, SEED)
    results = {server.name: [] for server in servers}
    for number in range(1, options.rounds + 1):
        for server in servers:
            result = measure(server, zone, queries, build, options, cores)
            results[server.name].append(result)
            print(
                f"  round {number}/{options.rounds} {server.name:<14} {result[CPU]:6.2f} us/answer "
                f"{result['answers_per_second']:>9,.0f} answers/s"
                + (f"  BAD: {result['faults']}" if result["bad"] else ""),
                flush=True,
            )
    zone.unlink()
    queries.unlink()
    return results


def summarise(servers, results):
    """Medians per server, the ratios, and which floor is the denominator (None: no floor ran)."""
    rows = {}
    for server in servers:
        runs = results[server.name]
        values = [run[CPU] for run in runs]
        row = {"kind": server.kind, "median": statistics.median(values)}
        row["lowest"], row["highest"] = min(values), max(values)
        keys = ("answers_per_second", "generator_cpu_us_per_query", "p50_us", "p99_us", "p999_us")
        row.update({key: statistics.median(run[key] for run in runs) for key in keys})
        row.update({key: sum(run[key] for run in runs) for key in ("lost", "stale", "bad")})
        # Near 1: the cost at saturation. Below: it idled, or other programs had its CPU.
        row["busy"] = statistics.median(run["server_cpu_seconds"] / run["seconds"] for run in runs)
        rows[server.name] = row
    own, shared = best(rows, "floor"), best(rows, "shared floor")
    floor = min((name for name in (own, shared) if name), key=lambda n: rows[n]["median"], default=None)
    for row in rows.values():
        row["ratio"] = row["median"] / rows[floor]["median"] if floor else None
    ratio = rows[own]["median"] / rows[shared]["median"] if own and shared else None
    return {"servers": rows, "floor": floor, "own_floor_to_shared": ratio}


def best(rows, kind):
    names = [name for name, row in rows.items() if row["kind"] == kind]
    return min(names, key=lambda name: rows[name]["median"], default=None)


def print_summary(names, summary, options, cores):
    where = "not pinned" if cores[0] is None else f"server on CPU {cores[0]}, generator on {cores[1]}"
    print(f"\n{names:,} names, {options.rounds} x {options.seconds:g} s, {where}")
    print(
        f"  {'server':<14} {'CPU us/answer: median [min-max]':<32} {'x floor':>7} {'busy':>5} "
        f"{'answers/s':>10} {'gen us':>6}  {'p50/p99/p99.9 us':<20} {'lost':>5} {'bad':>4}"
    )
    for name, row in sorted(summary["servers"].items(), key=lambda item: item[1]["median"]):
        spread = f"{row['median']:.2f} [{row['lowest']:.2f}-{row['highest']:.2f}]"
        ratio = f"{row['ratio']:.2f}" if row["ratio"] else "-"
        latency = f"{row['p50_us']:.0f}/{row['p99_us']:.0f}/{row['p999_us']:.0f}"
        print(
            f"  {name:<14} {spread:<32} {ratio:>7} {row['busy']:>5.0%} "
            f"{row['answers_per_second']:>10,.0f} {row['generator_cpu_us_per_query']:>6.2f}  "
            f"{latency:<20} {row['lost']:>5} {row['bad']:>4}"
        )
    if summary["floor"]:
        print(f"  floor of this run: {summary['floor']}")
    ratio = summary["own_floor_to_shared"]
    if ratio is not None:
        verdict = "no slower" if ratio <= FLOOR_TOLERANCE else "SLOWER"
        print(f"  our floor / shared floor: {ratio:.3f} ({verdict}; tolerance {FLOOR_TOLERANCE})")


def faults(summary):
    """What makes this run a failure, in words."""
    for name, row in summary["servers"].items():
        if row["bad"]:
            yield f"{name} gave {row['bad']} wrong answers"
        if row["stale"] > row["lost"]:
            yield f"{name} answered {row['stale']} times what was not asked"
    ratio = summary["own_floor_to_shared"]
    if ratio is not None and ratio > FLOOR_TOLERANCE:
        yield f"our floor costs {ratio:.3f} times the shared one"


def build_settings(build):
    """How the programs were compiled, from meson; a sanitized build measures nothing."""
    options = json.loads((build / "meson-info/intro-buildoptions.json").read_text("utf-8"))
    wanted = ("buildtype", "optimization", "b_sanitize", "b_ndebug", "c_args")
    settings = {option["name"]: option["value"] for option in options if option["name"] in wanted}
    if settings["b_sanitize"] != "none":
        raise BenchError(f"{build} is built with sanitizers; measure a release build")
    return settings


def run(arguments, root, build):
    """Returns (result for the JSON file, whether all is as it must be)."""
    options = parse(arguments)
    settings = build_settings(build)
    cores = choose_cores()
    sizes = {}
    good = True
    with tempfile.TemporaryDirectory(prefix="d1bench-") as name:
        folder = pathlib.Path(name)
        servers = find_servers(root, build, folder, options.servers)
        for names in options.names:
            results = run_rounds(servers, names, folder, build, options, cores)
            summary = summarise(servers, results)
            print_summary(names, summary, options, cores)
            for fault in faults(summary):
                good = False
                print(f"  FAILED: {fault}")
            sizes[str(names)] = {**summary, "runs": results}
    return {
        "queries": QUERIES,
        "hit_share": HIT_SHARE,
        "seed": SEED,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "sockets": options.sockets,
        "window": options.window,
        "server_core": cores[0],
        "generator_core": cores[1],
        "build": settings,
        "floor_flags": FLOOR_FLAGS,
        "names": sizes,
    }, good
