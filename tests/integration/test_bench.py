"""The tools of ./dev bench: the generators pass a right server and catch a wrong one."""

import json
import re
import subprocess
import sys

import pytest

from dns01d import ROOT, build_folder
from program import Program, free_address, free_port

BENCH = ROOT / "tests" / "bench"
sys.path.append(str(BENCH))

import writers  # noqa: E402


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


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    with writers.dns01d(tmp_path_factory.mktemp("writer"), build_folder()) as made:
        yield made


def write(writer, folder, door, lines, dns=None):
    """What d1bench-writes says of a server, with four clients."""
    accounts = folder / "accounts"
    accounts.write_text("\n".join(lines) + "\n", "ascii")
    api, at = (writer.dns if door == "update-tsig" else writer.api), dns or writer.dns
    result = subprocess.run(
        [build_folder() / "tests/bench/d1bench-writes", f"--door={door}", "--clients=4",
         f"--server={api[0]}:{api[1]}", f"--dns={at[0]}:{at[1]}", f"--accounts={accounts}",
         f"--token={writers.TOKEN}", f"--zone={writers.ZONE}",
         f"--key={writers.KEY}:{writers.SECRET.hex()}", "--warm-up=50ms", "--time=300ms",
         f"--pid={writer.process.pid}", "--threads=*"],
        capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


@pytest.mark.parametrize("door", ["update", "update-tsig", "account-key", "wrong-key", "health",
                                  "token", "wrong-token"])
def test_every_write_of_a_right_server_counts(writer, tmp_path, door):
    lines = writers.names(4) if door == "update-tsig" else writers.register(writer.api, 4)
    before = writer.commits()
    result = write(writer, tmp_path, door, lines)
    assert (result["wrong"], result["unseen"]) == (0, 0), result
    assert result["done"] > 0
    assert result["cpu_us"]["*"] > 0
    written = writer.commits()[0] - before[0]
    assert written >= result["done"] if door.startswith("update") else written == 0


def test_a_write_that_dns_does_not_show_does_not_count(writer, tmp_path):
    """The name that is asked for is another account's."""
    lines = [line.split() for line in writers.register(writer.api, 5)]
    others = [" ".join([*line[:3], other[3]]) for line, other in zip(lines[:4], lines[1:])]
    result = write(writer, tmp_path, "update", others[:3] + [" ".join([*lines[3][:3], "x.test"])])
    assert result["done"] == 0
    assert result["unseen"] > 0


def test_wrong_answers_to_writes_are_seen(writer, tmp_path):
    lines = [line.replace(line.split()[1], "k" * 40) for line in writers.register(writer.api, 4)]
    result = write(writer, tmp_path, "update", lines)
    assert result["done"] == 0
    assert result["wrong"] > 0
    assert "401" in result["complaint"]


def test_floor_of_writes_counts_its_commits(tmp_path):
    result = json.loads(subprocess.run(
        [build_folder() / "tests/bench/d1bench-commit", tmp_path / "floor.db", "8", "1"],
        capture_output=True, text=True, check=True).stdout)
    assert result["rows_per_commit"] == 8
    assert result["commits_per_second"] > 0
    assert abs(result["per_second"] - 8 * result["commits_per_second"]) < 8
