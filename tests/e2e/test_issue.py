"""lego gets certificates from Pebble; Pebble asks Unbound, which asks NSD and dns01d.

The names of example.test are delegated by a CNAME to owner names in auth.example.test.
"""

import http.server
import threading

import dns.rcode
import dns.rdatatype
import pytest

import clientpage
from clients import debian_version
from dnsask import ask, texts
from program import wait_until
from world import DELEGATED

WWW = "www.example.test"


def events(world, domain):
    return world.dns01d.timeline(DELEGATED[domain], "lego")


def events_of_last_order(world, domain):
    """From the last `presented` on. Questions reach the timeline a moment after their answers."""

    def noted():
        every = events(world, domain)
        start = max(i for i, event in enumerate(every) if event["event"] == "presented")
        return every[start:] if any(was_answered(event) for event in every[start:]) else None

    return wait_until(noted, 5, "a question that got the value")


def was_answered(event):
    return event["event"] == "asked" and event["type"] == "TXT" and event["records"] == 1


def presented_values(world, domain):
    return {event["value"] for event in events(world, domain) if event["event"] == "presented"}


def kinds(noted):
    return [event["event"] for event in noted]


def assert_nothing_served(world, domain):
    """The owner name is known but holds no value: NODATA with SOA, not to be cached."""
    reply = ask(world.dns01d_server, DELEGATED[domain])
    assert reply.rcode() == dns.rcode.NOERROR
    assert texts(reply) == set()
    assert [rrset.rdtype for rrset in reply.authority] == [dns.rdatatype.SOA]
    assert reply.authority[0].ttl == 0


def test_one_name(world):
    certificate, output = world.issue(WWW)
    assert certificate, output
    world.verify(certificate, [WWW])
    noted = events_of_last_order(world, WWW)
    seen = kinds(noted)
    for word in ("presented", "committed", "live", "removed"):
        assert seen.count(word) == 1
    live, removed = seen.index("live"), seen.index("removed")
    assert seen.index("presented") < seen.index("committed") < live < removed
    assert any(was_answered(event) for event in noted[live:removed])
    askers = {event["from"].rsplit(":", 1)[0] for event in noted if event["event"] == "asked"}
    assert askers == {world.unbound[0]}
    assert_nothing_served(world, WWW)


def test_two_names_in_one_order(world):
    names = [WWW, "mail.example.test"]
    certificate, output = world.issue(*names)
    assert certificate, output
    world.verify(certificate, names)
    for name in names:
        assert_nothing_served(world, name)


def test_name_and_wildcard_share_an_owner(world):
    names = ["shop.example.test", "*.shop.example.test"]
    certificate, output = world.issue(*names)
    assert certificate, output
    world.verify(certificate, names)
    assert len(presented_values(world, "shop.example.test")) == 2
    assert_nothing_served(world, "shop.example.test")
    clientpage.note("lego", debian_version("lego"), "httpreq", "default, CNAME",
                    "name and wildcard in one order")


def test_again_for_the_same_name(world):
    """A value of the last order left nowhere (in no cache) would not fit this one."""
    for _ in range(2):
        certificate, output = world.issue("mail.example.test")
        assert certificate, output
        world.verify(certificate, ["mail.example.test"])


def test_wrong_secret(world):
    before = presented_values(world, WWW)
    certificate, output = world.issue(WWW, secret="not-the-secret-of-lego")
    assert certificate is None
    assert "401" in output
    assert presented_values(world, WWW) <= before
    assert_nothing_served(world, WWW)


def test_owner_name_without_a_right(world):
    certificate, output = world.issue("lost.example.test")
    assert certificate is None
    assert "403" in output
    assert texts(ask(world.dns01d_server, DELEGATED["lost.example.test"])) == set()


def test_challenges_delegated_by_ns_records(world):
    """No CNAME: each _acme-challenge is a zone of its own, which dns01d makes up when asked."""
    names = ["direct.example.test", "*.direct.example.test", "deep.er.example.test"]
    certificate, output = world.issue(*names)
    assert certificate, output
    world.verify(certificate, names)
    for name in ("direct.example.test", "deep.er.example.test"):
        owner = f"_acme-challenge.{name}"
        seen = kinds(world.dns01d.timeline(owner, "lego"))
        assert seen.index("live") < seen.index("asked") < seen.index("removed")
        apex = ask(world.dns01d_server, owner)
        assert apex.rcode() == dns.rcode.NOERROR
        assert not apex.answer
        assert [rrset.name.to_text() for rrset in apex.authority] == [owner + "."]
        assert apex.authority[0].rdtype == dns.rdatatype.SOA


@pytest.mark.parametrize("name, kind", [("_acme-challenge.direct.example.test", "SOA"),
                                        ("_acme-challenge.direct.example.test", "NS"),
                                        ("_acme-challenge.deep.er.example.test", "SOA")])
def test_clients_that_climb_find_the_zone(world, name, kind):
    """lego, cert-manager, certbot and nsupdate look for the zone by SOA from the owner name up."""
    reply = ask(world.unbound, name, kind)
    assert reply.rcode() == dns.rcode.NOERROR
    assert [(rrset.name.to_text(), rrset.rdtype) for rrset in reply.answer] == [
        (name + ".", dns.rdatatype.from_text(kind))]


@pytest.fixture
def liar():
    """An httpreq endpoint that says yes and does nothing."""

    class Yes(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Yes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "http://127.0.0.1:{}".format(server.server_address[1])
        server.shutdown()
        thread.join()


def test_the_world_refuses_without_a_record(world, liar):
    """The other tests mean something: without the TXT record Pebble issues nothing."""
    certificate, output = world.issue(WWW, endpoint=liar)
    assert certificate is None
    assert "urn:ietf:params:acme:error:unauthorized" in output
