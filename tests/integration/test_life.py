"""Start, reload, stop, restart, and what stays."""

import concurrent.futures
import json
import os
import signal
import socket
import sqlite3

import dns.rcode
import pytest

from dns01d import Dns01d
from dnsask import ask, texts
from program import wait_until

ZONE = "auth.example.test"
SECONDS = 10


@pytest.fixture
def server(tmp_path):
    made = Dns01d(tmp_path / "dns01d")
    made.token("t", "a-secret-of-this-test", owners=["**.auth.example.test"])
    yield made
    if made.process is not None:
        made.process.stop()


def present(server, name, value, token="t", **more):
    return server.request("POST", "/v1/challenges", token=token,
                          body={"name": name, "value": value, **more})


def served(server, name):
    return texts(ask((server.address, server.dns_port), name))


def test_value_survives_a_restart(server):
    with server:
        assert present(server, f"a.{ZONE}", "v").status == 201
    with server:
        assert served(server, f"a.{ZONE}") == {b"v"}
        reply = server.request("DELETE", f"/v1/challenges?name=a.{ZONE}&value=v", token="t")
        assert reply.status == 200
        assert served(server, f"a.{ZONE}") == set()
    with server:
        assert served(server, f"a.{ZONE}") == set()
        assert ask((server.address, server.dns_port), f"a.{ZONE}").rcode() == dns.rcode.NOERROR


def test_memory_store_forgets(server):
    server.config["store"] = {"backend": "memory"}
    with server:
        assert present(server, f"a.{ZONE}", "v").status == 201
        assert served(server, f"a.{ZONE}") == {b"v"}
    with server:
        assert served(server, f"a.{ZONE}") == set()


def test_lease_ends(server):
    with server:
        assert present(server, f"a.{ZONE}", "v", lease="1s").status == 201
        assert served(server, f"a.{ZONE}") == {b"v"}
        wait_until(lambda: not served(server, f"a.{ZONE}"), SECONDS, "end of the lease")
        words = [event["event"] for event in server.timeline(f"a.{ZONE}", "t")]
        assert "expired" in words


def test_lease_ends_while_stopped(server):
    with server:
        assert present(server, f"a.{ZONE}", "v", lease="1s").status == 201
        assert present(server, f"b.{ZONE}", "v").status == 201
    database = next(server.state.glob("*.db"))
    assert sqlite3.connect(database).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with server:
        wait_until(lambda: not served(server, f"a.{ZONE}"), SECONDS, "end of the lease")
        assert served(server, f"b.{ZONE}") == {b"v"}


def test_orderly_stop_answers_what_is_under_way(server):
    with server:
        for i in range(20):
            assert present(server, f"a{i}.{ZONE}", "v").status == 201
        server.process.signal(signal.SIGTERM)
        assert server.process.wait(SECONDS) == 0
        server.process.stop()
        server.process = None


def test_systemd_is_told(server, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = str(tmp_path / "notify")
        notify.bind(path)
        notify.settimeout(SECONDS)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        with server:
            assert b"READY=1" in notify.recv(4096)


def test_ready_is_logged_as_json_too(server):
    server.config["log"] = {"format": "json"}
    with server:
        events = [json.loads(line) for line in server.process.lines()]
    assert any("ready" in event.values() for event in events)


def test_reload_adds_a_zone_and_a_token(server):
    with server:
        assert ask((server.address, server.dns_port), "new.test", "SOA").rcode() == (
            dns.rcode.REFUSED)
        assert present(server, f"a.{ZONE}", "stays").status == 201
        server.config["zones"].append({"name": "new.test", "nameservers": ["ns1.new.test"],
                                       "records": ["ns1 A 192.0.2.1"]})
        server.token("later", "a-secret-that-came-later", owners=["**.new.test"])
        server.reload()
        wait_until(lambda: ask((server.address, server.dns_port), "new.test", "SOA").rcode() ==
                   dns.rcode.NOERROR, SECONDS, "the new zone")
        assert present(server, "x.new.test", "v", token="later").status == 201
        assert served(server, "x.new.test") == {b"v"}
        assert served(server, f"a.{ZONE}") == {b"stays"}


def test_reload_reads_secrets_again(server):
    with server:
        old = server.secrets["t"]
        os.replace(write(server.folder / "new", "another-secret-of-this-test\n"),
                   server.folder / "token-t")
        server.reload()
        server.secrets["t"] = "another-secret-of-this-test"
        wait_until(lambda: present(server, f"a.{ZONE}", "v").status in (200, 201), SECONDS,
                   "the new secret")
        reply = server.request("GET", "/v1/challenges", headers={"Authorization": f"Bearer {old}"})
        assert reply.status == 401


def write(path, text):
    path.write_text(text)
    return path


def test_bad_reload_keeps_the_old_one(server):
    with server:
        server.config["zones"][0]["colour"] = "red"
        server.reload()
        server.process.wait_line(r"colour", SECONDS)
        assert present(server, f"a.{ZONE}", "v").status == 201
        assert served(server, f"a.{ZONE}") == {b"v"}
        del server.config["zones"][0]["colour"]


def test_reload_by_api_tells_what_is_wrong(server):
    server.token("admin", "secret-of-token-admin", verbs=["admin"])
    with server:
        assert server.request("POST", "/v1/reload", token="admin").status == 200
        assert server.request("POST", "/v1/reload", token="t").status == 403
        server.config["colour"] = "red"
        server.write_config()
        reply = server.request("POST", "/v1/reload", token="admin")
        assert reply.status >= 400
        assert "colour" in reply.text
        del server.config["colour"]


def test_hundred_names_at_once(server):
    """Many connections at the same time: each value is served when its request returns."""
    def one(i):
        assert present(server, f"n{i}.{ZONE}", f"v{i}").status == 201
        return served(server, f"n{i}.{ZONE}") == {f"v{i}".encode()}

    with server, concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(100)))
