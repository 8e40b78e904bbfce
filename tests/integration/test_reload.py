"""Reload in the background: nobody waits for a slow file, and nothing presented meanwhile is lost."""

import os
import threading

import pytest

from dns01d import Dns01d
from dnsask import ask, texts

ZONE = "auth.example.test"
SECONDS = 20
HEAD = (f"$ORIGIN {ZONE}.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 604800 0\n@ NS ns1\n"
        "ns1 A 192.0.2.1\n")


@pytest.fixture
def server(tmp_path):
    """A server whose zone comes from a file, which a test replaces by a pipe."""
    made = Dns01d(tmp_path / "dns01d")
    made.zone_file = tmp_path / "zone"
    made.zone_file.write_text(HEAD + 'old TXT "old"\n')
    made.config["zones"] = [{"name": ZONE, "file": str(made.zone_file)}]
    made.token("t", "a-secret-of-this-test", owners=[f"**.{ZONE}"])
    made.token("admin", "an-admin-of-this-test", verbs=["admin"])
    with made:
        yield made


def reload_from_pipe(server):
    """Starts a reload that cannot end before the pipe is written; returns (thread, replies)."""
    server.zone_file.unlink()
    os.mkfifo(server.zone_file)
    replies = []

    def ask_for_reload():
        replies.append(server.request("POST", "/v1/reload", token="admin", body={}))

    thread = threading.Thread(target=ask_for_reload)
    thread.start()
    # Opening the pipe for writing returns when the daemon has opened it for reading.
    return thread, replies, open(server.zone_file, "w", encoding="ascii")


def served(server, name):
    return texts(ask((server.address, server.dns_port), f"{name}.{ZONE}"))


def present(server, name, value):
    return server.request("POST", "/v1/challenges", token="t",
                          body={"name": f"{name}.{ZONE}", "value": value})


def test_everything_goes_on_while_a_zone_is_read(server):
    assert present(server, "before", "1").status == 201
    thread, replies, pipe = reload_from_pipe(server)
    with pipe:
        assert server.request("GET", "/health").status == 200
        assert served(server, "old") == {b"old"}
        assert present(server, "meanwhile", "2").status == 201
        assert served(server, "meanwhile") == {b"2"}
        assert not replies
        pipe.write(HEAD + 'new TXT "new"\n')
    thread.join(SECONDS)
    assert [reply.status for reply in replies] == [200]
    assert served(server, "new") == {b"new"}
    assert served(server, "old") == set()
    assert served(server, "before") == {b"1"}
    assert served(server, "meanwhile") == {b"2"}


def test_a_bad_zone_leaves_all_as_it_was(server):
    thread, replies, pipe = reload_from_pipe(server)
    with pipe:
        assert present(server, "meanwhile", "2").status == 201
        pipe.write(HEAD + "new A 192.0.2.999\n")
    thread.join(SECONDS)
    assert [reply.status for reply in replies] == [500]
    assert "zone" in replies[0].json()["detail"]
    assert served(server, "old") == {b"old"}
    assert served(server, "meanwhile") == {b"2"}


def test_who_asks_meanwhile_gets_the_newer_file(server):
    thread, replies, pipe = reload_from_pipe(server)
    server.zone_file.unlink()
    server.zone_file.write_text(HEAD + 'newer TXT "newer"\n')
    second = []
    later = threading.Thread(target=lambda: second.append(
        server.request("POST", "/v1/reload", token="admin", body={})))
    later.start()
    with pipe:
        pipe.write(HEAD + 'new TXT "new"\n')
    thread.join(SECONDS)
    later.join(SECONDS)
    assert [reply.status for reply in replies + second] == [200, 200]
    assert served(server, "newer") == {b"newer"}


def test_stops_in_order_during_a_reload(server):
    thread, replies, pipe = reload_from_pipe(server)
    process = server.process
    process.signal(15)
    process.wait_line("stopping", SECONDS)
    with pipe:
        pipe.write(HEAD)
    thread.join(SECONDS)
    server.stop()
    assert replies and replies[0].status in (200, 503)
