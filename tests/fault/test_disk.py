"""The disk late or failing, by strace's fault injection into the real program."""

import os
import re
import secrets
import shutil
import threading
import time

import pytest

from dns01d import Dns01d
from dnsask import ask, texts
from program import Program

# LeakSanitizer does not work under ptrace, and ThreadSanitizer is too slow to be traced.
pytestmark = pytest.mark.skipif(os.environ.get("DNS01D_SANITIZER", "release") != "release",
                                reason="traced programs are tested without sanitizers")
FLUSHES = "fdatasync,fsync"
STRACE = shutil.which("strace", path="/usr/bin:/bin")
SECONDS = 15


@pytest.fixture
def server(tmp_path):
    made = Dns01d(tmp_path / "dns01d")
    made.token("t", "a-secret-of-this-test", owners=["**.auth.example.test"])
    with made:
        yield made


class Traced:
    """strace attached to the server, to all its threads."""

    def __init__(self, server, folder, *options):
        self.strace = Program("strace", [STRACE, "-f", "-p", server.process.pid, *options], folder)
        self.strace.wait_line(r"attached", SECONDS)

    def __enter__(self):
        return self.strace

    def __exit__(self, *_):
        self.strace.stop()


def present(server, name, value):
    return server.request("POST", "/v1/challenges", token="t", body={"name": name, "value": value})


def served(server, name):
    return texts(ask((server.address, server.dns_port), name))


def test_flush_returns_before_the_reply_is_sent(server, tmp_path):
    """In the trace of every thread: the flush of the store ends, then the reply is written."""
    trace = tmp_path / "trace"
    values = [secrets.token_urlsafe(32) for _ in range(5)]
    with Traced(server, tmp_path, "-o", trace, "-s", "1000",
                "-e", f"trace={FLUSHES},write,writev,sendto,sendmsg"):
        for value in values:
            assert present(server, "a.auth.example.test", value).status == 201
    lines = trace.read_text(errors="replace").splitlines()
    flushed = re.compile(r"(?:fdatasync|fsync)(?:\(\d+\)| resumed>\)).*= 0")
    start = 0
    for value in values:
        sent = next(i for i, line in enumerate(lines) if value in line and "HTTP/1.1 201" in line)
        assert any(flushed.search(line) for line in lines[start:sent]), f"no flush before {value}"
        start = sent + 1


def test_slow_flush_stalls_no_answer(server, tmp_path):
    """While a commit waits two seconds for the disk, questions are answered at once."""
    assert present(server, "a.auth.example.test", "early").status == 201
    with Traced(server, tmp_path, "-e", f"trace={FLUSHES}",
                   "-e", f"inject={FLUSHES}:delay_enter=2000000"):
        replies = []
        late = threading.Thread(
            target=lambda: replies.append(present(server, "b.auth.example.test", "late")))
        start = time.monotonic()
        late.start()
        slowest = 0
        asked = 0
        while late.is_alive():
            before = time.monotonic()
            assert served(server, "a.auth.example.test") == {b"early"}
            slowest = max(slowest, time.monotonic() - before)
            asked += 1
        late.join()
        assert time.monotonic() - start > 1.9, "the flush was not delayed: nothing was shown"
        assert replies[0].status == 201
        assert asked > 100
        assert slowest < 0.5
    assert served(server, "b.auth.example.test") == {b"late"}


def test_failing_flush_is_not_acknowledged(server, tmp_path):
    """EIO from the disk: the request fails, what was served stays, and it mends itself."""
    assert present(server, "a.auth.example.test", "early").status == 201
    with Traced(server, tmp_path, "-e", f"trace={FLUSHES}",
                   "-e", f"inject={FLUSHES}:error=EIO"):
        reply = present(server, "b.auth.example.test", "never")
        assert reply.status == 503
        assert reply.json()["error"] == "store-unavailable"
        assert served(server, "b.auth.example.test") == set()
        assert served(server, "a.auth.example.test") == {b"early"}
    assert present(server, "b.auth.example.test", "now").status == 201
    assert served(server, "b.auth.example.test") == {b"now"}


def test_full_disk_is_not_acknowledged(server, tmp_path):
    """ENOSPC on every write of the store; the sockets go on."""
    assert present(server, "a.auth.example.test", "early").status == 201
    with Traced(server, tmp_path, "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC"):
        reply = present(server, "b.auth.example.test", "never")
        assert reply.status == 503
        assert served(server, "b.auth.example.test") == set()
    assert present(server, "b.auth.example.test", "now").status == 201
    assert served(server, "b.auth.example.test") == {b"now"}
