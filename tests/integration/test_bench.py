"""The tools of ./dev bench: the generator passes a right server and catches a wrong one."""

import json
import re
import subprocess
import sys

import pytest

from dns01d import ROOT, build_folder
from program import Program, free_address, free_port

BENCH = ROOT / "tests" / "bench"


@pytest.fixture
def files(tmp_path):
    """A small zone file and its query file."""
    zone, queries = tmp_path / "zone", tmp_path / "queries"
    subprocess.run([sys.executable, BENCH / "zone.py", "--names", "50", "--queries", "500",
                    zone, queries], check=True)
    return zone, queries


def ask_floor(tmp_path, zone, queries, mode):
    """What the generator says of the floor when it serves that zone."""
    address = free_address()
    listen = f"{address}:{free_port(address)}"
    programs = build_folder() / "tests" / "bench"
    floor = Program("floor", [programs / "d1bench-floor", listen, zone, mode], tmp_path)
    try:
        floor.wait_line("^ready$", 10)
        result = subprocess.run(
            [programs / "d1bench-generator", f"--server={listen}", f"--queries={queries}",
             "--warm-up=0ms", "--time=200ms", f"--pid={floor.pid}"],
            capture_output=True, text=True, check=True)
    finally:
        floor.stop()
    return json.loads(result.stdout)


@pytest.mark.parametrize("mode", ["mmsg", "uvpoll"])
def test_every_answer_of_the_floor_is_right(tmp_path, files, mode):
    result = ask_floor(tmp_path, *files, mode)
    assert result["bad"] == 0
    assert result["answers"] > 0
    assert result["server_cpu_seconds"] > 0
    assert result["p50_us"] <= result["p99_us"] <= result["p999_us"]


def test_wrong_values_are_seen(tmp_path, files):
    """Every value but the first one asked for (which tells that the server is there) is changed."""
    zone, queries = files
    first = next(line for line in queries.read_text().splitlines()[1:] if " TXT " in line)
    lines = [line if line.startswith(first[:36]) else re.sub(r'TXT "(.)', 'TXT "_', line)
             for line in zone.read_text().splitlines()]
    zone.write_text("\n".join(lines) + "\n")
    result = ask_floor(tmp_path, zone, queries, "mmsg")
    assert result["faults"] == {"another TXT value": result["bad"]}
    assert result["bad"] > result["answers"] > 0


def test_the_same_seed_makes_the_same_files(tmp_path, files):
    again = tmp_path / "again", tmp_path / "queries-again"
    subprocess.run([sys.executable, BENCH / "zone.py", "--names", "50", "--queries", "500",
                    *again], check=True)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files]


def test_an_unknown_benchmark_names_those_there_are():
    result = subprocess.run([sys.executable, BENCH / "bench.py", "nosuch"],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no benchmark 'nosuch'; there are: udp" in result.stderr
