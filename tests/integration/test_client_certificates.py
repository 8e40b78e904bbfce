"""Clients' certificates on api.listen: required, optional, renewed by a reload."""

import json
import os
import socket
import ssl
import subprocess

import pytest

from certificates import Authority, make_certificate
from dns01d import Dns01d
from program import free_address

SECONDS = 10
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
GET = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Place:
    """A folder with a server's certificate, two authorities and what clients have of them."""

    def __init__(self, folder):
        self.folder = folder
        self.address = free_address()
        self.server_files = make_certificate(folder, "server", self.address)
        self.ours = Authority(folder, "ours")
        self.theirs = Authority(folder, "theirs")
        self.good = self.ours.client("good")
        self.bad = self.theirs.client("bad")
        self.servers = 0

    def server(self, **tls):
        self.servers += 1
        made = Dns01d(self.folder / f"run-{self.servers}", address=self.address)
        certificate, key = map(str, self.server_files)
        made.config["api"]["tls"] = {"certificate": certificate, "key": key,
                                     "client-ca": str(self.ours.certificate), **tls}
        made.token("all", "secret-of-token-all", owners=["**.auth.example.test"])
        return made


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("client-certificates"))


@pytest.fixture(scope="module")
def required(place):
    with place.server() as running:
        yield running


def status(server, bundle=None, version=None, request=GET, session=None):
    """Of one request, or None when TLS did not let it through."""
    context = server.tls_context()
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if bundle is not None:
        context.load_cert_chain(bundle)
    try:
        with socket.create_connection((server.address, server.api_port), SECONDS) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(request)
            text = stream.recv(65536)
            return int(text.split(b" ")[1]) if text else None
    except (ssl.SSLError, ConnectionError):
        return None


@pytest.mark.parametrize("version", VERSIONS)
def test_required(place, required, version):
    assert status(required, place.good, version) == 200
    assert status(required, None, version) is None
    assert status(required, place.bad, version) is None
    assert status(required, place.good, version) == 200


def test_it_gives_no_rights(place, required):
    request = b"GET /v1/challenges HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n"
    bearer = b"Authorization: Bearer secret-of-token-all\r\n"
    assert status(required, place.good, request=request % b"") == 401
    assert status(required, place.good, request=request % bearer) == 200
    assert status(required, place.bad, request=request % bearer) is None


def test_certificates_of_servers_and_expired_ones_are_refused(place, required):
    assert status(required, place.ours.client("for-servers", usage="serverAuth")) is None
    assert status(required, place.ours.client("any-use", usage="")) == 200
    assert status(required, place.ours.client("over", days=-1)) is None


def test_an_authority_below_ours(place, required):
    place.ours.client("below", authority=True)
    below = Authority.__new__(Authority)
    below.folder, below.name = place.folder, "below"
    below.certificate, below.key = place.folder / "below.pem", place.folder / "below.key"
    bundle = below.client("leaf")
    assert status(required, bundle) is None  # It must send what lies between.
    bundle.write_text(bundle.read_text() + below.certificate.read_text())
    assert status(required, bundle) == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_optional(place, version):
    with place.server(**{"client-auth": "optional"}) as server:
        assert status(server, None, version) == 200
        assert status(server, place.good, version) == 200
        assert status(server, place.bad, version) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed(place, required, version):
    context = required.tls_context()
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(place.good)
    reused = []
    session = None
    for _ in range(2):
        plain = socket.create_connection((required.address, required.api_port), SECONDS)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as stream:
            stream.sendall(GET)
            assert stream.recv(65536).startswith(b"HTTP/1.1 200")
            session = stream.session
            reused.append(stream.session_reused)
    assert reused == [False, True]


def control(server, *arguments):
    return subprocess.run([server.build / "dns01ctl", "--socket", server.state / "control.sock",
                           *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_reload(place):
    with place.server() as server:
        context = server.tls_context()
        context.load_cert_chain(place.good)
        plain = socket.create_connection((server.address, server.api_port), SECONDS)
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            server.config["api"]["tls"]["client-ca"] = str(place.theirs.certificate)
            server.write_config()
            assert control(server, "reload").returncode == 0
            assert status(server, place.good) is None
            assert status(server, place.bad) == 200
            stream.sendall(GET)  # A connection that is open goes on.
            assert stream.recv(65536).startswith(b"HTTP/1.1 200")
            session = stream.session
        plain = socket.create_connection((server.address, server.api_port), SECONDS)
        with pytest.raises((ssl.SSLError, ConnectionError)):  # No ticket outlives its authority.
            with context.wrap_socket(plain, server_hostname="localhost",
                                     session=session) as stream:
                stream.sendall(GET)
                assert stream.recv(65536) == b"refused"
        broken = place.folder / "broken.pem"
        broken.write_text("nothing\n")
        server.config["api"]["tls"]["client-ca"] = str(broken)
        server.write_config()
        refused = control(server, "reload")
        assert refused.returncode == 1 and "broken.pem" in refused.stderr
        assert status(server, place.bad) == 200
        del server.config["api"]["tls"]["client-ca"]
        server.write_config()
        assert control(server, "reload").returncode == 0
        assert status(server) == 200


def test_dns01ctl(place, required):
    environment = {**os.environ, "SSL_CERT_FILE": required.config["api"]["tls"]["certificate"]}
    command = [required.build / "dns01ctl", "--url", required.api_url, "--token-file",
               required.token_file("all"), "--json"]
    call = {"capture_output": True, "text": True, "timeout": 30, "check": False}
    shown = subprocess.run([*command, "--client-cert", place.good, "list"], env=environment, **call)
    assert "challenges" in json.loads(shown.stdout)
    shown = subprocess.run([*command, "list"],
                           env={**environment, "DNS01CTL_CLIENT_CERT": str(place.good)}, **call)
    assert "challenges" in json.loads(shown.stdout)
    without = subprocess.run([*command, "list"], env=environment, **call)
    assert without.returncode == 1 and "alert" in without.stderr
    nowhere = subprocess.run([*command, "--client-cert", "/nowhere", "list"], env=environment,
                             **call)
    assert nowhere.returncode == 1 and nowhere.stderr


@pytest.mark.parametrize("tls, said", [
    ({"client-ca": "CA"}, "api.tls.client-ca: is set without a certificate"),
    ({"client-auth": "optional"}, "api.tls.client-auth: is set without api.tls.client-ca"),
    ({"certificate": "CERT", "key": "KEY", "client-ca": "/nowhere"}, "/nowhere"),
    ({"certificate": "CERT", "key": "KEY", "client-ca": "KEY"}, "holds no certificate"),
    ({"certificate": "CERT", "key": "KEY", "client-ca": "CA", "client-auth": "maybe"},
     "required"),
])
def test_check(place, tls, said):
    names = {"CA": place.ours.certificate, "CERT": place.server_files[0],
             "KEY": place.server_files[1]}
    made = place.server()
    made.config["api"]["tls"] = {key: str(names.get(value, value)) for key, value in tls.items()}
    made.write_config()
    done = subprocess.run([made.build / "dns01d", "--check", "-c", made.config_path],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1
