"""PROXY protocol v2 over real sockets: who is believed, and what becomes of the client it names."""

import ipaddress
import socket
import struct

import dns.message
import pytest

from dns01d import Dns01d
from world import wait_until

ZONE = "auth.example.test"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
CLIENT = "192.0.2.77"


def header(client, port=5353, extension=b"", datagram=True):
    """A PROXY header for that client."""
    address = ipaddress.ip_address(client)
    to = ipaddress.ip_address("198.51.100.1" if address.version == 4 else "2001:db8::53")
    rest = address.packed + to.packed + struct.pack("!HH", port, 53) + extension
    family = (0x10 if address.version == 4 else 0x20) | (2 if datagram else 1)
    return SIGNATURE + bytes([0x21, family]) + struct.pack("!H", len(rest)) + rest


def query(name=f"ns1.{ZONE}", kind="A", **options):
    return dns.message.make_query(name, kind, **options).to_wire()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """Every client is a proxy to it; its own probe too."""
    made = Dns01d(tmp_path_factory.mktemp("proxied"),
                  {"dns": {"proxy-protocol-from": ["127.0.0.0/8"]}})
    made.config["dns"].update({"listen": [f"{made.address}:{made.dns_port}"], "workers": 1,
                               "rate-limit": {"per-second": 5}})
    made.token("all", "secret-of-token-all", owners=[f"**.{ZONE}"])
    with made:
        yield made


def over_tcp(server):
    made = socket.create_connection((server.address, server.dns_port), timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def frame(message):
    return struct.pack("!H", len(message)) + message


def read_frame(client):
    stream = client.makefile("rb")
    length, = struct.unpack("!H", stream.read(2))
    return dns.message.from_wire(stream.read(length))


def dropped(server, transport):
    return server.metric(f'dns01d_dns_dropped_total{{transport="{transport}",reason="proxy"}}')


@pytest.mark.parametrize("prefix", [
    header("203.0.113.1"), header("2001:db8::1"), header("203.0.113.2", extension=b"\x04\0\2xy"),
    LOCAL, header("203.0.113.3", datagram=False)], ids=["v4", "v6", "extension", "local", "stream"])
def test_udp(proxied, prefix):
    answer = proxied.send_datagram(prefix + query())
    assert dns.message.from_wire(answer).answer


@pytest.mark.parametrize("prefix", [b"", SIGNATURE, header("203.0.113.1")[:-1], LOCAL[:12]],
                         ids=["none", "signature", "cut", "fixed-cut"])
def test_udp_without_its_header_is_dropped(proxied, prefix):
    before = dropped(proxied, "udp")
    packet = prefix + (query() if not prefix else b"")
    assert proxied.send_datagram(packet, seconds=0.3) is None
    assert dropped(proxied, "udp") == before + 1


def test_tcp(proxied):
    with over_tcp(proxied) as client:
        client.sendall(header(CLIENT, datagram=False) + frame(query()) + frame(query()))
        assert read_frame(client).answer


def test_tcp_octet_by_octet(proxied):
    with over_tcp(proxied) as client:
        for octet in header(CLIENT, extension=b"\x04\0\2xy") + frame(query()):
            client.sendall(bytes([octet]))
        assert read_frame(client).answer
        client.sendall(frame(query()))
        assert read_frame(client).answer


@pytest.mark.parametrize("first", [frame(query()), b"\r\n\r\n\0\r\nQUIT\r",
                                   SIGNATURE + b"\x21\x11\xff\xff", b"PROXY TCP4 "],
                         ids=["none", "signature", "long", "v1"])
def test_tcp_without_its_header_is_closed(proxied, first):
    before = dropped(proxied, "tcp")
    with over_tcp(proxied) as client:
        client.sendall(first)
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            pass
    assert dropped(proxied, "tcp") == before + 1


def test_timeline_is_of_the_client(proxied):
    name = f"seen.{ZONE}"
    body = {"name": name, "value": "v"}
    assert proxied.request("POST", "/v1/challenges", token="all", body=body).status == 201
    proxied.send_datagram(header(CLIENT) + query(name, "TXT"))
    with over_tcp(proxied) as client:
        client.sendall(header("2001:db8::99", datagram=False) + frame(query(name, "TXT")))
        read_frame(client)

    def asked_from():
        reply = proxied.request("GET", f"/v1/challenges/{name}/timeline", token="all")
        return {event["from"] for event in reply.json()["events"] if event["event"] == "asked"}

    wait_until(lambda: len(asked_from()) == 2, 10, "the timeline")
    assert asked_from() == {CLIENT, "2001:db8::99"}


def test_limit_is_of_the_client(proxied):
    one = header("203.0.113.200") + query()
    replies = [proxied.send_datagram(one, seconds=0.2) for _ in range(20)]
    assert None in replies, "the flood is limited"
    other = proxied.send_datagram(header("198.51.100.200") + query())
    assert dns.message.from_wire(other).answer, "another client is not"


def test_stranger_is_not_believed(server):
    reply = server.send_datagram(header(CLIENT) + query(), seconds=0.5)
    assert reply is None or dns.message.from_wire(reply, ignore_trailing=True).answer == []
    assert dns.message.from_wire(server.send_datagram(query())).answer


def test_trust_changes_by_reload(tmp_path):
    with Dns01d(tmp_path) as server:
        server.config["dns"]["proxy-protocol-from"] = ["127.0.0.0/8"]
        server.reload()
        wait_until(lambda: server.send_datagram(LOCAL + query(), 0.3) is not None
                   and server.send_datagram(query(), 0.3) is None, 10, "headers wanted")
        del server.config["dns"]["proxy-protocol-from"]
        server.reload()
        wait_until(lambda: server.send_datagram(query(), 0.3) is not None, 10, "no header wanted")
