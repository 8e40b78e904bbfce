"""The HTTP door by raw sockets: what is malformed, cut, slow, or never read."""

import json
import os
import socket

import pytest

from dns01d import Dns01d

HOST = b"Host: localhost\r\n"
GET = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = b"POST /update HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
SECONDS = 10
SENT_MAX = 64 * 1024 * 1024  # What the kernel may hold, and more.
RSS_GROWTH_MAX = 32 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # AddressSanitizer keeps freed memory for a while: not so much that it looks like growth.
        options = os.environ.get("ASAN_OPTIONS", "")
        patch.setenv("ASAN_OPTIONS", options + ":quarantine_size_mb=4")
        with Dns01d(tmp_path_factory.mktemp("http")) as running:
            yield running


class Client:
    """A connection that sends octets as they are, and reads answers one by one."""

    def __init__(self, server):
        self.socket = socket.create_connection((server.address, server.api_port), SECONDS)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.reader.close()
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def answer(self):
        """(status, headers, body) of the next answer; None at the end of the connection."""
        line = self.reader.readline()
        if not line:
            return None
        version, status, _reason = line.decode().split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {}
        while (line := self.reader.readline()) != b"\r\n":
            name, value = line.decode().rstrip("\r\n").split(": ", 1)
            headers[name.lower()] = value
        return int(status), headers, self.reader.read(int(headers.get("content-length", 0)))


REFUSED = {
    "LF only": (400, b"GET /livez HTTP/1.1\nHost: localhost\n\n"),
    "CR CR": (400, b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\r\n"),
    "folded header": (400, b"GET /livez HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n"),
    "blank before the colon": (400, b"GET /livez HTTP/1.1\r\nHost : a\r\n\r\n"),
    "empty line before the request": (400, b"\r\n" + GET),
    "NUL": (400, b"GET /livez HTTP/1.1\r\n" + HOST + b"A: \0\r\n\r\n"),
    "TLS hello": (400, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"),
    "no Host": (400, b"GET /livez HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, b"GET /livez HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "CL and TE": (400, b"POST /update HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "TE gzip, chunked": (501, b"POST /update HTTP/1.1\r\n" + HOST +
                         b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "two lengths": (400, b"POST /update HTTP/1.1\r\n" + HOST +
                    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "length with a sign": (400, b"POST /update HTTP/1.1\r\n" + HOST +
                           b"Content-Length: +2\r\n\r\nab"),
    "chunk size with LF only": (400, CHUNKED + b"1\na\r\n0\r\n\r\n"),
    "chunk size that overflows": (413, CHUNKED + b"ffffffffffffffff1\r\n"),
    "flood of chunk extensions": (400, CHUNKED + b"1;" + b"e" * 4096),
    "unknown method": (501, b"BREW /livez HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT": (501, b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "long target": (414, b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "many headers": (431, b"GET /livez HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 100 + b"\r\n"),
    "large header": (431, b"GET /livez HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 32768 + b"\r\n\r\n"),
    "unknown expectation": (417, b"POST /update HTTP/1.1\r\n" + HOST + b"Expect: cake\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(server, name):
    status, octets = REFUSED[name]
    with Client(server) as client:
        client.send(octets + GET)  # What stands behind is never answered.
        answer = client.answer()
        assert answer[0] == status
        assert answer[1]["connection"] == "close"
        assert set(json.loads(answer[2])) == {"error", "detail"}
        assert answer[2].count(b"\n") == 1
        assert client.answer() is None
    assert server.request("GET", "/livez").status == 200


def test_body_over_the_limit_is_answered(server):
    """The client learns why, although nobody reads the body it is sending."""
    with Client(server) as client:
        client.send(b"POST /update HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n")
        client.send(b"x" * 300000)
        assert client.answer()[0] == 413
        assert client.answer() is None


def test_pipelined_in_order(server):
    with Client(server) as client:
        client.send((GET + GET.replace(b"/livez", b"/no-such-path")) * 25)
        assert [client.answer()[0] for _ in range(50)] == [200, 404] * 25


def test_octet_by_octet(server):
    with Client(server) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in GET:
            client.send(bytes([octet]))
        assert client.answer()[0] == 200


def test_http10(server):
    with Client(server) as client:
        client.send(b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        status, headers, _body = client.answer()
        assert (status, headers["connection"]) == (200, "keep-alive")
        client.send(b"GET /livez HTTP/1.0\r\n\r\n")
        status, headers, _body = client.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert client.answer() is None


def test_continue(server):
    with Client(server) as client:
        client.send(b"POST /update HTTP/1.1\r\n" + HOST +
                    b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.answer()[0] == 100
        client.send(b"{}")
        assert client.answer()[0] == 401


def test_many_idle_connections(server):
    clients = [Client(server) for _ in range(300)]
    try:
        assert server.request("GET", "/livez").status == 200
        clients[0].send(GET)
        assert clients[0].answer()[0] == 200
    finally:
        for client in clients:
            client.__exit__()


def rss(pid):
    """Resident memory of a process, in octets."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_client_that_never_reads(server):
    """It is not read from any more, costs no memory, and others are served."""
    before = rss(server.process.pid)
    with Client(server) as client:
        client.socket.settimeout(0.2)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < SENT_MAX:
                sent += client.socket.send(GET * 500)
        assert server.request("GET", "/livez").status == 200
        assert rss(server.process.pid) - before < RSS_GROWTH_MAX
