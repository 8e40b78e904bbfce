"""Response rate limiting of the real program. Its arithmetic has unit tests, with given time."""

import socket

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from dns01d import Dns01d
from dnsask import ask, texts
from world import wait_until

ZONE = "auth.example.test"
RATE = 20
FLOOD = 200


def start(folder, **limit):
    made = Dns01d(folder, {"dns": {"rate-limit": {"per-second": RATE, **limit}}})
    made.config["dns"].update({"listen": [f"{made.address}:{made.dns_port}"], "workers": 1})
    made.token("all", "secret-of-token-all", owners=[f"**.{ZONE}"])
    return made


def flood(server, name, kind="TXT", count=FLOOD, **options):
    """Sends that many questions; returns the replies that came within the time of one more."""
    query = dns.message.make_query(name, kind, **options)
    replies = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        client.connect((server.address, server.dns_port))
        for number in range(count):
            query.id = number
            client.send(query.to_wire())
            client.settimeout(0)
            drain(client, replies)
        client.settimeout(0.5)
        drain(client, replies)
    return replies


def drain(client, replies):
    """Reads until nothing comes for the socket's time."""
    try:
        while True:
            replies.append(dns.message.from_wire(client.recv(4096)))
    except (BlockingIOError, socket.timeout):
        pass


def truncated(replies):
    return [reply for reply in replies if reply.flags & dns.flags.TC]


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    with start(tmp_path_factory.mktemp("limited")) as server:
        yield server


def test_flood_is_cut_and_counted(limited):
    before = limited.metric('dns01d_dns_rate_limited_total{action="dropped"}')
    replies = flood(limited, f"ns1.{ZONE}", "A")
    whole = len(replies) - len(truncated(replies))
    assert 1 <= whole <= 3 * RATE, "the bucket, and what it got in this time"
    assert truncated(replies)
    dropped = limited.metric('dns01d_dns_rate_limited_total{action="dropped"}') - before
    assert dropped == FLOOD - len(replies)
    assert limited.metric('dns01d_dns_rate_limited_total{action="truncated"}') > 0
    assert limited.metric('dns01d_dns_dropped_total{transport="udp",reason="unanswerable"}') == 0


def test_live_value_always_has_an_answer(limited):
    body = {"name": f"live.{ZONE}", "value": "v"}
    assert limited.request("POST", "/v1/challenges", token="all", body=body).status == 201
    replies = flood(limited, f"live.{ZONE}")
    assert len(replies) == FLOOD
    assert len(truncated(replies)) >= FLOOD - 3 * RATE
    over_tcp = ask((limited.address, limited.dns_port), f"live.{ZONE}", tcp=True)
    assert texts(over_tcp) == {b"v"}


def test_valid_cookie_is_not_limited(limited):
    flood(limited, f"ns1.{ZONE}", "A")
    cookie = [dns.edns.GenericOption(10, b"clientck")]
    first = ask((limited.address, limited.dns_port), f"ns1.{ZONE}", "A", tcp=True, options=cookie)
    full = [dns.edns.GenericOption(10, first.options[0].to_wire())]
    replies = flood(limited, f"ns1.{ZONE}", "A", options=full)
    assert len(replies) == FLOOD and not truncated(replies)


def test_exempt_and_off_by_reload(tmp_path):
    with start(tmp_path, exempt=["192.0.2.0/24"]) as server:
        assert len(flood(server, f"ns1.{ZONE}", "A")) < FLOOD
        server.config["dns"]["rate-limit"]["exempt"].append("127.0.0.0/8")
        server.reload()
        wait_until(lambda: whole(server), 10, "exempt")
        server.config["dns"]["rate-limit"] = {"per-second": 0}
        server.reload()
        wait_until(lambda: whole(server), 10, "off")


def whole(server):
    replies = flood(server, f"ns1.{ZONE}", "A")
    return len(replies) == FLOOD and not truncated(replies)
