"""HTTPS on api.listen: versions, protocols, reload, and peers that break off or play tricks."""

import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

from certificates import make_certificate, make_expired
from dns01d import Dns01d
from program import free_address

SECONDS = 10
GET = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"  # Over TLS any Host will do.
SENT_MAX = 64 * 1024 * 1024
HEADER_SECONDS = 10  # D1_HTTP_HEADER_MS: from accept to the first request, handshake included.


def make_server(folder, **more):
    address = free_address()
    certificate, key = make_certificate(folder, "first", address)
    for path, name in ((certificate, "live.pem"), (key, "live.key")):
        shutil.copy(path, folder / name)
    made = Dns01d(folder, address=address)
    made.config["api"].update(
        tls={"certificate": str(folder / "live.pem"), "key": str(folder / "live.key")},
        registration="open", limits={"registrations": 0, **more})
    made.token("all", "secret-of-token-all", owners=["**.auth.example.test"])
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with make_server(tmp_path_factory.mktemp("tls")) as running:
        yield running


def wrap(server, **options):
    """A TLS connection; options: of the context (ALPN as `protocols`, `minimum`, `maximum`)."""
    context = server.tls_context()
    if "maximum" in options:
        context.minimum_version = options.get("minimum", options["maximum"])
        context.maximum_version = options["maximum"]
    if "ciphers" in options:
        context.set_ciphers(options["ciphers"])
    if "protocols" in options:
        context.set_alpn_protocols(options["protocols"])
    plain = socket.create_connection((server.address, server.api_port), SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname="localhost",
                                   session=options.get("session"))
    except BaseException:
        plain.close()
        raise


def ask(stream, request=GET):
    stream.sendall(request)
    reply = http.client.HTTPResponse(stream)
    reply.begin()
    reply.read()
    return reply.status


class Memory:
    """A TLS client whose ciphertext passes through our hands."""

    def __init__(self, server):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = server.tls_context()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = socket.create_connection((server.address, server.api_port), SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def flush(self):
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())

    def step(self, action):
        """Repeats an action of the client until it has what it waits for."""
        while True:
            try:
                result = action()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                octets = self.socket.recv(65536)
                if octets:
                    self.incoming.write(octets)
                else:
                    self.incoming.write_eof()

    def handshake(self):
        self.step(self.tls.do_handshake)

    def encrypt(self, octets):
        self.tls.write(octets)
        return self.outgoing.read()

    def status(self):
        return int(self.step(lambda: self.tls.read(65536)).split(b" ")[1])


def is_closed(plain):
    """Whether the server has closed, whatever it sent before."""
    try:
        while plain.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(server, version):
    with wrap(server, maximum=version) as stream:
        assert stream.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        assert stream.compression() is None
        assert ask(stream) == 200
        assert ask(stream) == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(server):
    with pytest.raises(ssl.SSLError) as caught:
        wrap(server, minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1,
             ciphers="DEFAULT@SECLEVEL=0")
    assert re.search("PROTOCOL_VERSION", caught.value.reason)


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"])
def test_old_ciphers_are_refused(server, ciphers):
    """No key exchange without forward secrecy, no CBC."""
    with pytest.raises(ssl.SSLError) as caught:
        wrap(server, maximum=ssl.TLSVersion.TLSv1_2, ciphers=ciphers)
    assert caught.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_alpn(server, version):
    with wrap(server, maximum=version, protocols=["h2", "http/1.1"]) as stream:
        assert stream.selected_alpn_protocol() == "http/1.1"
    with wrap(server, maximum=version) as stream:
        assert stream.selected_alpn_protocol() is None
        assert ask(stream) == 200
    with pytest.raises(ssl.SSLError) as caught:
        wrap(server, maximum=version, protocols=["h2"])
    assert "no application protocol" in str(caught.value)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_session_is_resumed(server, version):
    context = server.tls_context()
    context.minimum_version = context.maximum_version = version
    reused = []
    session = None
    for _ in range(2):
        plain = socket.create_connection((server.address, server.api_port), SECONDS)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as stream:
            assert ask(stream) == 200
            session = stream.session
            reused.append(stream.session_reused)
    assert reused == [False, True]


def test_no_early_data(server):
    result = subprocess.run(
        ["openssl", "s_client", "-connect", f"{server.address}:{server.api_port}", "-tls1_3"],
        input=GET + b"Q\n", capture_output=True, timeout=SECONDS, check=False)
    assert b"Max Early Data: 0" in result.stdout or b"Early data was not sent" in result.stdout


def test_renegotiation_is_refused(server):
    with subprocess.Popen(
            ["openssl", "s_client", "-connect", f"{server.address}:{server.api_port}", "-tls1_2",
             "-legacy_renegotiation"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        client.stdin.write(b"R\n")
        client.stdin.flush()
        text = b""
        end = time.monotonic() + SECONDS
        while b"no renegotiation" not in text and time.monotonic() < end:
            if select.select([client.stdout], [], [], 1)[0]:
                octets = os.read(client.stdout.fileno(), 65536)
                if not octets:
                    break
                text += octets
        client.kill()
    assert b"no renegotiation" in text
    assert server.request("GET", "/health").status == 200


def test_curl(server):
    result = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", server.config["api"]["tls"]["certificate"], "-w",
         " %{http_version} %{ssl_verify_result}", "-d", "",
         f"https://{server.address}:{server.api_port}/register"],
        capture_output=True, timeout=SECONDS, check=True)
    body, version, verified = result.stdout.decode().rsplit(" ", 2)
    assert (version, verified) == ("1.1", "0")
    assert set(json.loads(body)) == {"username", "password", "fulldomain", "subdomain", "allowfrom"}


def test_dns01ctl(server):
    command = [server.build / "dns01ctl", "--url", server.api_url, "--token-file",
               server.folder / "token-all", "--json", "list"]
    trusting = {**os.environ, "SSL_CERT_FILE": server.config["api"]["tls"]["certificate"]}
    good = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True, env=trusting)
    assert "challenges" in json.loads(good.stdout)
    bad = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    assert bad.returncode == 1
    assert b"certificate" in bad.stderr


def test_present_and_pipelining(server):
    body = json.dumps({"name": "tls.auth.example.test", "value": "over-tls"})
    assert server.request("POST", "/v1/challenges", body, token="all").status == 201
    with wrap(server) as stream:
        stream.sendall((GET + GET.replace(b"/health", b"/no-such-path")) * 25)
        reader = stream.makefile("rb")
        statuses = []
        for _ in range(50):
            statuses.append(int(reader.readline().split(b" ")[1]))
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)
        assert statuses == [200, 404] * 25


def test_octet_by_octet(server):
    """Each octet of ciphertext in a packet of its own, and each of plaintext in its own record."""
    with Memory(server) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.handshake()
        for octet in client.encrypt(GET):
            client.socket.sendall(bytes([octet]))
        assert client.status() == 200
        for octet in GET:
            client.socket.sendall(client.encrypt(bytes([octet])))
        assert client.status() == 200


def test_large_body(server):
    """Several records, several reads, over the limit too."""
    with wrap(server) as stream:
        head = b"POST /update HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        assert ask(stream, head % 65536 + b"x" * 65536) == 401
    with wrap(server) as stream:
        assert ask(stream, head % 70000 + b"x" * 70000) == 413


def test_close_notify(server):
    """After `Connection: close` the server says close_notify; so it does to the client's."""
    with wrap(server) as stream:
        stream.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        text = b""
        while octets := stream.recv(65536):  # An end without close_notify would raise.
            text += octets
        assert text.startswith(b"HTTP/1.1 200")
        stream.unwrap()
    with wrap(server) as stream:
        assert ask(stream) == 200
        plain = stream.unwrap()
        assert is_closed(plain)
        plain.close()


def test_half_closed_client_gets_its_answer(server):
    with Memory(server) as client:
        client.handshake()
        client.socket.sendall(client.encrypt(GET))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.status() == 200


def test_damaged_record(server):
    with Memory(server) as client:
        client.handshake()
        octets = bytearray(client.encrypt(GET))
        octets[-1] ^= 1
        client.socket.sendall(octets)
        with pytest.raises(ssl.SSLError) as caught:
            client.status()
        assert caught.value.reason == "SSLV3_ALERT_BAD_RECORD_MAC"
        assert is_closed(client.socket)


def test_truncated_record(server):
    """Half a request, and the end: no answer, just the end."""
    with Memory(server) as client:
        client.handshake()
        client.socket.sendall(client.encrypt(GET)[:-1])
        client.socket.shutdown(socket.SHUT_WR)
        assert is_closed(client.socket)
    assert server.request("GET", "/health").status == 200


GARBAGE = {
    "noise": bytes(range(128, 256)) * 8,
    "SSLv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\0" * 40,
    "alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "long record": b"\x16\x03\x01\xff\xff" + b"\0" * 65535,
    "empty records": b"\x16\x03\x01\x00\x00" * 4096,
    "hello cut in its record": b"\x16\x03\x01\x00\x05\x01\x00\x00\xa1\x03",
    "application data first": b"\x17\x03\x03\x00\x20" + b"a" * 32,
}


@pytest.mark.parametrize("name", [name for name in GARBAGE if name != "hello cut in its record"])
def test_garbage(server, name):
    with socket.create_connection((server.address, server.api_port), SECONDS) as plain:
        try:
            plain.sendall(GARBAGE[name])
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert is_closed(plain)
    assert server.request("GET", "/health").status == 200


def test_plain_http_is_told(server):
    with socket.create_connection((server.address, server.api_port), SECONDS) as plain:
        assert ask(plain) == 400


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_slow_and_silent_clients_are_shed(server):
    """One that says nothing, one half-way in its hello, one after its handshake: all are ended."""
    started = time.monotonic()
    with socket.create_connection((server.address, server.api_port), 20) as silent, \
            socket.create_connection((server.address, server.api_port), 20) as slow, \
            wrap(server) as idle:
        slow.sendall(GARBAGE["hello cut in its record"])
        idle.settimeout(20)
        before = cpu_seconds(server.process.pid)
        assert server.request("GET", "/health").status == 200
        assert is_closed(silent)
        assert is_closed(slow)
        assert idle.recv(1) == b""
        assert HEADER_SECONDS - 1 < time.monotonic() - started < HEADER_SECONDS + 5
        assert cpu_seconds(server.process.pid) - before < 2
    assert server.request("GET", "/health").status == 200


def test_reset_in_the_middle(server):
    """In the handshake, in a request, in an answer: nothing is left, and nothing spins."""
    before = cpu_seconds(server.process.pid)
    for octets in (b"", GARBAGE["hello cut in its record"]):
        plain = socket.create_connection((server.address, server.api_port), SECONDS)
        plain.sendall(octets)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plain.close()
    for request in (GET[:10], GET * 200):
        stream = wrap(server)
        stream.sendall(request)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()
    assert server.request("GET", "/health").status == 200
    time.sleep(0.5)  # Spinning would show as half a second of CPU.
    assert cpu_seconds(server.process.pid) - before < 0.45


def test_client_that_never_reads(server):
    with wrap(server) as stream:
        stream.settimeout(0.2)
        sent = 0
        with pytest.raises((TimeoutError, ssl.SSLWantWriteError)):
            while sent < SENT_MAX:
                sent += stream.send(GET * 300)
        assert server.request("GET", "/health").status == 200


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def served_certificate(server):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((server.address, server.api_port), SECONDS) as plain, \
            context.wrap_socket(plain) as stream:
        return stream.getpeercert(binary_form=True)


def lines_with(server, event):
    return [line for line in server.process.lines() if event in line]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_reload(tmp_path, kind):
    with make_server(tmp_path) as server:
        first = served_certificate(server)
        with wrap(server) as stream:
            assert ask(stream) == 200
            paths = make_certificate(tmp_path, "second", server.address, key=kind)
            for path, name in zip(paths, ("live.pem", "live.key")):
                shutil.copy(path, tmp_path / name)
            server.process.signal(signal.SIGHUP)
            wait_for(lambda: served_certificate(server) != first)
            # The connection that was open goes on with the certificate it began with.
            assert ask(stream) == 200
            assert stream.getpeercert(binary_form=True) == first
        assert served_certificate(server) == ssl.PEM_cert_to_DER_cert(paths[0].read_text())


def test_reload_keeps_the_old_one_when_the_new_one_is_bad(tmp_path):
    with make_server(tmp_path) as server:
        first = served_certificate(server)
        certificate, _key = make_certificate(tmp_path, "second", server.address)
        shutil.copy(certificate, tmp_path / "live.pem")  # But not its key.
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: lines_with(server, "reload_refused"))
        assert "api.tls.key" in lines_with(server, "reload_refused")[0]
        assert served_certificate(server) == first


def test_tls_cannot_be_turned_off_by_reload(tmp_path):
    with make_server(tmp_path) as server:
        del server.config["api"]["tls"]
        server.reload()
        wait_for(lambda: lines_with(server, "reload_refused"))
        assert "api.tls changed, which needs a restart" in lines_with(server, "reload_refused")[0]


def check(server):
    server.write_config()
    return subprocess.run([server.build / "dns01d", "-c", server.config_path, "--check"],
                          capture_output=True, text=True, timeout=SECONDS, check=False)


def line_of(server, text):
    lines = server.config_path.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_check(tmp_path):
    server = make_server(tmp_path)
    live, key = tmp_path / "live.pem", tmp_path / "live.key"
    result = check(server)
    assert (result.returncode, result.stderr) == (0, "")
    faults = [
        ({"certificate": str(tmp_path / "none"), "key": str(key)}, "certificate",
         f"cannot read {tmp_path / 'none'}: "),
        ({"certificate": str(live), "key": str(tmp_path / "none")}, "key",
         f"cannot read {tmp_path / 'none'}: "),
        ({"certificate": str(key), "key": str(key)}, "certificate",
         f"{key} holds no certificate, expected PEM"),
        ({"certificate": str(live), "key": str(live)}, "key",
         f"{live} holds no key that can be read"),
        ({"certificate": str(live), "key": ""}, "key",
         "is empty, expected the file of the certificate's key"),
        ({"certificate": "", "key": str(key)}, "certificate",
         "is empty, expected the file of the key's certificate"),
        ({"certificate": str(live),
          "key": str(make_certificate(tmp_path, "other", server.address)[1])}, "key",
         f"{tmp_path / 'other.key'} holds another key than the certificate's"),
    ]
    for tls, which, text in faults:
        server.config["api"]["tls"] = tls
        result = check(server)
        assert result.returncode == 1
        line = line_of(server, f'"{which}":')
        start = f"{server.config_path}:{line}: api.tls.{which}: {text}"
        assert result.stderr.startswith(start), result.stderr
        assert result.stderr.count("\n") == 1


def test_expired_certificate_is_a_warning(tmp_path):
    server = make_server(tmp_path)
    certificate, key = make_expired(tmp_path, "old", server.address)
    server.config["api"]["tls"] = {"certificate": str(certificate), "key": str(key)}
    result = check(server)
    assert result.returncode == 0
    assert "api.tls.certificate:" in result.stderr
    assert "has expired at 2021-01-01T00:00:00" in result.stderr


def test_other_addresses_need_tls(tmp_path):
    server = make_server(tmp_path)
    server.config["api"]["listen"] = ["192.0.2.1:8443"]
    assert check(server).returncode == 0
    del server.config["api"]["tls"]
    result = check(server)
    assert result.returncode == 1
    assert "expected api.tls" in result.stderr


def test_connections_per_address(tmp_path):
    with make_server(tmp_path, connections=3) as server:
        open_ones = [wrap(server) for _ in range(3)]
        with socket.create_connection((server.address, server.api_port), SECONDS) as fourth:
            assert is_closed(fourth)
        # Another address of this host has its own share.
        other = socket.create_connection((server.address, server.api_port), SECONDS,
                                         ("127.0.0.9", 0))
        with server.tls_context().wrap_socket(other, server_hostname="localhost") as stream:
            assert ask(stream) == 200
        assert ask(open_ones[0]) == 200
        open_ones.pop().close()
        wait_for(lambda: can_connect(server))
        for stream in open_ones:
            stream.close()


def can_connect(server):
    try:
        with wrap(server) as stream:
            return ask(stream) == 200
    except (OSError, ssl.SSLError):
        return False


def test_stop_says_close_notify(tmp_path):
    server = make_server(tmp_path).start()
    with wrap(server) as stream:
        assert ask(stream) == 200
        server.stop()
        assert stream.recv(1) == b""
