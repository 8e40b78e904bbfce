"""./dev run itself (without its build): what it prints, its exit status, what it leaves behind."""

import os
import pathlib
import signal
import sys

import pytest

from dns01d import ROOT, build_folder
from program import Program, wait_until

ISSUE_SECONDS = 120


@pytest.fixture
def run(tmp_path):
    """Starts the program of ./dev run; its temporary files are in tmp_path."""
    started = []

    def start(*arguments):
        command = [sys.executable, ROOT / "tests/lib/demo.py", "--build", build_folder(),
                   *arguments]
        started.append(Program("run", command, tmp_path, dict(os.environ, TMPDIR=str(tmp_path))))
        return started[-1]

    yield start
    for program in started:
        program.stop()


def processes_in(folder):
    """Processes whose working directory is at or below folder."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(entry / "cwd")
        except OSError:
            continue
        if where.startswith(str(folder)):
            found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
    return found


def test_once_issues_and_ends(run, tmp_path):
    program = run("--once")
    assert program.wait(ISSUE_SECONDS) == 0, program.tail(60)
    program.stop()
    text = "\n".join(program.lines())
    for word in ("presented", "asked", "removed", "set VALID", "DNS:www.example.test",
                 "openssl verify: OK"):
        assert word in text
    assert processes_in(tmp_path) == []
    assert list(tmp_path.glob("dns01d-run-*")) == []


def test_serves_until_interrupted(run, tmp_path):
    program = run()
    program.wait_line("Ctrl-C ends everything", ISSUE_SECONDS)
    names = {line.split(" ", 1)[1] for line in processes_in(tmp_path)}
    assert {"dns01d", "unbound", "pebble"} <= names
    program.signal(signal.SIGINT)
    assert program.wait(30) == 0, program.tail(60)
    assert processes_in(tmp_path) == []


def test_interrupted_half_way(run, tmp_path):
    program = run()
    program.wait_line("lego asks Pebble", ISSUE_SECONDS)
    program.signal(signal.SIGINT)
    assert program.wait(30) == 130, program.tail(60)
    assert processes_in(tmp_path) == []


def test_killed(run, tmp_path):
    """Even killed, it leaves no server behind: each ends with the process that started it."""
    program = run()
    program.wait_line("lego asks Pebble", ISSUE_SECONDS)
    program.signal(signal.SIGKILL)
    program.wait(30)
    wait_until(lambda: not processes_in(tmp_path), 20, "end of the servers")
