"""EDNS options over real sockets: cookies, NSID, keepalive, explained errors."""

import socket
import subprocess

import dns.edns
import dns.message
import dns.query
import dns.rcode
import pytest

from dns01d import Dns01d
from dnsask import ask
from world import wait_until

NAME = "ns1.auth.example.test"
NSID, COOKIE, KEEPALIVE, EDE = 3, 10, 11, 15
OLD = "e5e973e5a6b2a43f48e7dc849e37bfcf"
NEW = "445536bcd2513298075a5d379663c962"
CLIENT = bytes.fromhex("2464c4abcf10c957")


def generic(code, data=b""):
    return dns.edns.GenericOption(code, data)


def option(reply, code):
    """The octets of that option of a reply, or None."""
    found = [made for made in reply.options if made.otype == code]
    assert len(found) <= 1
    return found[0].to_wire() if found else None


def to(server):
    return (server.address, server.dns_port)


def cookie_from(server, sent=CLIENT):
    """The server's part of its answer to this cookie."""
    reply = ask(to(server), NAME, "A", options=[generic(COOKIE, sent)])
    assert reply.rcode() == dns.rcode.NOERROR and reply.answer
    answered = option(reply, COOKIE)
    assert answered[:8] == CLIENT and len(answered) == 24
    return answered[8:]


def test_cookie_is_given_and_kept(server):
    given = cookie_from(server)
    assert given[:4] == b"\x01\x00\x00\x00"
    assert cookie_from(server, CLIENT + given) == given


def test_wrong_cookie_is_replaced(server):
    given = cookie_from(server)
    wrong = given[:-1] + bytes([given[-1] ^ 1])
    again = cookie_from(server, CLIENT + wrong)
    assert again != wrong
    assert cookie_from(server, CLIENT + again) == again


@pytest.mark.parametrize("length", [0, 1, 7, 9, 15, 41])
def test_cookie_of_wrong_length_is_formerr(server, length):
    reply = ask(to(server), NAME, "A", options=[generic(COOKIE, bytes(length))])
    assert reply.rcode() == dns.rcode.FORMERR
    assert reply.edns == 0


def test_nodes_share_a_secret_and_reload_rotates_it(tmp_path):
    def node(name, secrets):
        path = tmp_path / f"{name}.secret"
        path.write_text(secrets)
        path.chmod(0o600)
        return Dns01d(tmp_path / name, {"dns": {"cookie-secret-file": str(path)}}), path

    # Clients bind to one address: the cookie is bound to it.
    (one, one_file), (two, _) = node("one", OLD), node("two", f"{NEW}\n{OLD}\n")
    with one, two:
        given = cookie_from(one)
        renewed = cookie_from(two, CLIENT + given)
        assert renewed != given, "of a former secret: renewed with the first"
        assert cookie_from(one, CLIENT + renewed) != renewed, "not known there yet"
        one_file.write_text(f"{NEW}\n{OLD}\n")
        one.reload()
        wait_until(lambda: cookie_from(one, CLIENT + renewed) == renewed, 10, "the new secret")


def test_nsid_is_the_host_name(server):
    reply = ask(to(server), NAME, "A", options=[generic(NSID)])
    assert option(reply, NSID) == socket.gethostname().encode()
    assert option(ask(to(server), NAME, "A", use_edns=0), NSID) is None


def test_keepalive_over_tcp_only(server):
    over_tcp = ask(to(server), NAME, "A", tcp=True, options=[generic(KEEPALIVE)])
    assert int.from_bytes(option(over_tcp, KEEPALIVE), "big") == 100
    assert option(ask(to(server), NAME, "A", options=[generic(KEEPALIVE)]), KEEPALIVE) is None
    silent = ask(to(server), NAME, "A", tcp=True, use_edns=0)
    assert option(silent, KEEPALIVE) is None


def test_refusal_is_explained(server):
    reply = ask(to(server), "www.example.net", "A", use_edns=0)
    assert reply.rcode() == dns.rcode.REFUSED
    assert option(reply, EDE) == (20).to_bytes(2, "big")
    assert ask(to(server), "www.example.net", "A").edns == -1


def test_unknown_options_are_ignored(server):
    reply = ask(to(server), NAME, "A", options=[generic(65001, b"?"), generic(8, b"\0\1\0\0")])
    assert reply.rcode() == dns.rcode.NOERROR and reply.answer and not reply.options


def test_kdig_has_cookie_and_nsid(server):
    done = subprocess.run(
        ["kdig", f"@{server.address}", "-p", str(server.dns_port), "+cookie", "+nsid", NAME, "A"],
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "status: NOERROR" in done.stdout
    assert "NSID" in done.stdout and "COOKIE" in done.stdout
    assert "WARNING" not in done.stdout + done.stderr
