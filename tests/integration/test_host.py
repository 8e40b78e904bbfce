"""Host on plain loopback listeners: a browser that was led here by a foreign name gets nothing."""

import pytest

from dns01d import Dns01d


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Dns01d(tmp_path_factory.mktemp("host"))
    made.config["api"].update(registration="open", hosts=["acme.example.test", "Dot.Example.Test."])
    with made as running:
        yield running


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST:80", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9:1",
    "192.0.2.7", "[::1]", "[2001:db8::1]:8053", "acme.example.test", "ACME.example.test.:8053",
    "dot.example.test"])
def test_taken(server, host):
    assert server.request("GET", "/health", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:8053", "localhost.evil.example", "xlocalhost", "127.0.0.1.evil",
    "[::1", "[evil]", "", "a.acme.example.test", "127.1", "0x7f000001", "x" * 300])
def test_refused(server, host):
    for method, path in (("POST", "/register"), ("GET", "/health"), ("GET", "/no-such-path")):
        reply = server.request(method, path, headers={"Host": host})
        assert reply.status == 421
        assert reply.json()["error"] == "wrong-host"
        assert "api.hosts" in reply.json()["detail"]
    reply = server.request("GET", "/metrics", headers={"Host": host}, port=server.metrics_port)
    assert reply.status == 421


def test_hosts_follow_a_reload(server):
    server.config["api"]["hosts"] = ["new.example.test"]
    server.reload()
    server.process.wait_line(r"reloaded", 10)
    assert server.request("GET", "/health", headers={"Host": "new.example.test"}).status == 200
    assert server.request("GET", "/health", headers={"Host": "acme.example.test"}).status == 421
