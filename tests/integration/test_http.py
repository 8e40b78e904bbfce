"""HTTP as it comes over real connections: in pieces, in rows, malformed."""

import http.client
import socket

import pytest

SECONDS = 5


def open_stream(server):
    return socket.create_connection((server.address, server.api_port), SECONDS)


def read_reply(stream, method="GET"):
    reply = http.client.HTTPResponse(stream, method=method)
    reply.begin()
    reply.read()
    return reply


def status_of(server, request):
    """Status of the reply to the octets of request; None when the server just closes."""
    with open_stream(server) as stream:
        stream.sendall(request)
        try:
            return read_reply(stream).status
        except (http.client.BadStatusLine, ConnectionResetError):
            return None


def test_keep_alive(server):
    connection = http.client.HTTPConnection(server.address, server.api_port, timeout=SECONDS)
    connection.request("GET", "/health")
    connection.getresponse().read()
    local = connection.sock.getsockname()
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    assert connection.sock.getsockname() == local
    connection.close()


def test_octet_by_octet(server):
    with open_stream(server) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n":
            stream.sendall(bytes([octet]))
        assert read_reply(stream).status == 200


def test_chunked_body(server):
    token = server.secrets["all"].encode()
    body = b'{"fqdn": "chunked.auth.example.test.", "value": "v"}'
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:10], body[10:]))
    request = (b"POST /present HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token +
               b"\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n")
    assert status_of(server, request) == 200
    request = request.replace(b"/present", b"/cleanup")
    assert status_of(server, request) == 200


def test_expect_continue_as_curl_sends_it(server):
    with open_stream(server) as stream:
        stream.sendall(b"POST /register HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                       b"Content-Length: 2\r\n\r\n")
        assert stream.recv(25).startswith(b"HTTP/1.1 ")
        stream.sendall(b"{}")


@pytest.mark.parametrize("request_bytes", [
    b"nonsense\r\n\r\n",
    b"GET /health\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /update HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\rX: b\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX : b\r\n\r\n",
    b"POST /update HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /update HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
], ids=["noise", "no-version", "two-lengths", "length-and-chunked", "folding", "bare-cr",
        "space-before-colon", "negative", "chunk-size", "tls"])
def test_malformed_is_refused(server, request_bytes):
    assert status_of(server, request_bytes) in (400, None)
    assert server.request("GET", "/health").status == 200


def test_headers_too_large(server):
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20000 + b"\r\n\r\n"
    assert status_of(server, request) in (431, None)


def test_too_many_headers(server):
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 100 + b"\r\n"
    assert status_of(server, request) in (431, None)


def test_announced_body_too_large(server):
    request = b"POST /update HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
    assert status_of(server, request) == 413


def test_client_that_never_reads(server):
    """Its requests stop being read; others are served all the same."""
    with open_stream(server) as stream:
        stream.settimeout(1)
        sent = 0
        request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
        try:
            while sent < 50_000_000:
                sent += stream.send(request)
        except (socket.timeout, ConnectionResetError, BrokenPipeError):
            pass  # For a second nothing was read, or the connection was ended.
        assert sent < 50_000_000, "the server read everything of a client that reads nothing"
        assert server.request("GET", "/health").status == 200


def test_many_idle_connections(server):
    streams = [open_stream(server) for _ in range(300)]
    try:
        assert server.request("GET", "/health").status == 200
    finally:
        for stream in streams:
            stream.close()
    assert server.request("GET", "/health").status == 200
