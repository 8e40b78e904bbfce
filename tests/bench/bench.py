#!/usr/bin/python3
"""Runs one benchmark, or all: `bench.py [--build FOLDER] [NAME [ARGUMENT...]]`.

Called by ./dev bench. Each benchmark measures its subject beside its peer in the same run, prints a
table, and leaves all figures as JSON in bench-results/.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(1, str(ROOT / "tests" / "lib"))

import api  # noqa: E402
import udp  # noqa: E402
import webhook  # noqa: E402
from program import ProgramError  # noqa: E402
from servers import BenchError  # noqa: E402

BENCHMARKS = {"udp": udp, "api": api, "webhook": webhook}


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine():
    return {
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def save(name, started, surroundings, result):
    folder = ROOT / "bench-results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{started:%Y%m%dT%H%M%SZ}.json"
    head = {"benchmark": name, "started": f"{started:%Y-%m-%dT%H:%M:%SZ}", "machine": surroundings}
    path.write_text(json.dumps({**head, **result}, indent=1) + "\n", encoding="utf-8")
    print(f"\nall figures: {path.relative_to(ROOT)}")


def run_one(name, arguments, build):
    started = datetime.datetime.now(datetime.timezone.utc)
    surroundings = machine()
    print(f"{name}: {BENCHMARKS[name].TITLE}")
    print(f"{surroundings['cpu']}, {surroundings['cpus']} CPUs, Linux {surroundings['kernel']}, "
          f"load {surroundings['load_before']:.1f}")
    result, good = BENCHMARKS[name].run(arguments, ROOT, build)
    save(name, started, surroundings, result)
    return good


def main():
    parser = argparse.ArgumentParser(
        prog="dev bench",
        description="Benchmarks: " + "; ".join(f"{n}: {b.TITLE}" for n, b in BENCHMARKS.items()),
    )
    parser.add_argument("--build", default="build", help="folder of the release build")
    parser.add_argument("name", nargs="?", help="the benchmark; without it, all of them")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="for that benchmark")
    options = parser.parse_args()
    if options.name is not None and options.name not in BENCHMARKS:
        parser.error(f"no benchmark '{options.name}'; there are: {', '.join(BENCHMARKS)}")
    build = ROOT / options.build
    generator = build / "tests/bench/d1bench-generator"
    if not generator.is_file():
        parser.error(f"{generator} is not built; run ./dev build")
    good = True
    try:
        for name in [options.name] if options.name else BENCHMARKS:
            good = run_one(name, options.arguments, build) and good
    except (BenchError, ProgramError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
