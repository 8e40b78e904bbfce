"""CNAMEs of names that are not served here, through libunbound, with a resolver of the test's own."""

import subprocess
import threading
import urllib.parse

import dns.rcode
import pytest

from dns01d import Dns01d, build_folder
from dnsask import ask, texts
from program import wait_until
from resolver import Resolver

HOST = "_acme-challenge.host.example.test"
X7 = "x7.auth.example.test"
X8 = "x8.auth.example.test"
SERVFAIL = "_acme-challenge.servfail.example.test"
REFUSED = "_acme-challenge.refused.example.test"
AWAY = "_acme-challenge.away.example.test"
EMPTY = "_acme-challenge.empty.example.test"
LOOP = "_acme-challenge.loop.example.test"
LONG = "_acme-challenge.long.example.test"
LONGER = "_acme-challenge.longer.example.test"


def chain(name, prefix, links):
    """That many CNAMEs from name to X7."""
    names = [name, *(f"{prefix}{i}.example.test" for i in range(1, links)), X7]
    return dict(zip(names, names[1:]))


@pytest.fixture
def resolver():
    cnames = {HOST: X7, AWAY: "a.elsewhere.test", LOOP: "l.example.test", "l.example.test": LOOP,
              **chain(LONG, "c", 8), **chain(LONGER, "d", 9)}
    rcodes = {SERVFAIL: dns.rcode.SERVFAIL, REFUSED: dns.rcode.REFUSED}
    with Resolver(cnames, rcodes, {"a.elsewhere.test", EMPTY}) as made:
        yield made


@pytest.fixture
def server(tmp_path, resolver):
    made = Dns01d(tmp_path / "dns01d", {"resolver": {"servers": [resolver.server]}})
    made.token("both", "a-secret-of-both-names", names=["**.example.test"], owners=[X7, X8])
    made.token("asked", "a-secret-of-the-asked-name", names=["**.example.test"])
    made.token("end", "a-secret-of-the-other-name", owners=[X7, X8])
    made.token("neither", "a-secret-of-neither-name", names=["www.example.net"])
    made.token("admin", "a-secret-of-the-admin", verbs=["admin"])
    with made:
        yield made


def present(server, name, value="v", token="both", **more):
    return server.request("POST", "/v1/challenges", token=token,
                          body={"name": name, "value": value}, **more)


def cleanup(server, name, value="v", token="both"):
    query = urllib.parse.urlencode({"name": name, "value": value})
    return server.request("DELETE", f"/v1/challenges?{query}", token=token)


def served(server, name):
    return {value.decode() for value in texts(ask((server.address, server.dns_port), name))}


def reload(server):
    server.write_config()
    assert server.request("POST", "/v1/reload", token="admin", body={}).status == 200


def test_the_value_stands_where_the_cname_leads(server, resolver):
    reply = present(server, HOST + ".")
    assert reply.status == 201, reply.text
    assert reply.json()["name"] == HOST
    assert reply.json()["followed_to"] == X7
    assert served(server, X7) == {"v"}
    assert resolver.asked == [HOST]  # Never for a name of ours.
    listed = server.request("GET", "/v1/challenges", token="both").json()["challenges"]
    assert [(row["name"], row["asked"]) for row in listed] == [(X7, HOST)]
    assert present(server, HOST).status == 200
    assert cleanup(server, HOST).status == 200
    assert served(server, X7) == set()


def test_httpreq_follows_in_both_modes(server):
    body = {"fqdn": HOST + ".", "value": "v1"}
    reply = server.request("POST", "/present", token="both", body=body)
    assert (reply.status, reply.json()) == (200, body)
    raw = {"domain": "host.example.test", "token": "t", "keyAuth": "t.thumbprint"}
    reply = server.request("POST", "/present", token="both", body=raw)
    assert reply.status == 200, reply.text
    assert reply.json()["fqdn"] == HOST
    assert served(server, X7) == {"v1", reply.json()["value"]}
    assert server.request("POST", "/cleanup", token="both", body=raw).status == 200
    assert server.request("POST", "/cleanup", token="both", body=body).status == 200
    assert served(server, X7) == set()


def test_the_control_socket_follows_and_dns01ctl_says_where(server):
    done = subprocess.run([build_folder() / "dns01ctl", "--socket", server.state / "control.sock",
                           "present", HOST, "v"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "FOLLOWED TO" in done.stdout and X7 in done.stdout
    assert served(server, X7) == {"v"}
    done = subprocess.run([build_folder() / "dns01ctl", "--socket", server.state / "control.sock",
                           "trace", HOST], capture_output=True, text=True, timeout=30)
    assert f"followed_to={X7}" in done.stdout


@pytest.mark.parametrize("token, status", [("both", 201), ("asked", 403), ("end", 403),
                                           ("neither", 403)])
def test_both_names_must_be_allowed(server, resolver, token, status):
    reply = present(server, HOST, token=token)
    assert reply.status == status
    assert served(server, X7) == ({"v"} if status == 201 else set())
    assert resolver.asked == ([HOST] if token in ("both", "asked") else [])
    if token == "asked":
        assert reply.json() == {"error": "forbidden", "detail":
                                f"{HOST} leads by CNAME to {X7}: the credential has no right to this"}


@pytest.mark.parametrize("name, detail", [
    ("_acme-challenge.none.example.test",
     "{} is neither served here nor routed to a provider, and does not exist (NXDOMAIN), so it has "
     "no CNAME"),
    (EMPTY, "{} is neither served here nor routed to a provider, and has no CNAME"),
    (AWAY, "{} leads by CNAME to a.elsewhere.test, which is neither served here nor routed to a "
           "provider, and has no CNAME"),
    (LOOP, "{} leads by CNAME to l.example.test, which leads back by CNAME to a name before it: a "
           "loop"),
    (LONGER, "{} leads by CNAME to d8.example.test, which is the end of 8 CNAMEs and has another "
             "one, which is too many"),
    (SERVFAIL, "{} is not served here, and the resolvers gave SERVFAIL for its CNAME"),
    (REFUSED, "{} is not served here, and the resolvers gave SERVFAIL for its CNAME"),
])
def test_what_was_found_is_told(server, name, detail):
    for _ in range(2):  # The same for the same cause.
        reply = present(server, name)
        assert (reply.status, reply.json()) == (422, {"error": "not-served",
                                                      "detail": detail.format(name)})


def test_a_chain_of_eight_is_followed(server):
    assert present(server, LONG).json()["followed_to"] == X7
    assert served(server, X7) == {"v"}


def test_a_cname_just_added_is_found_at_once(server, resolver):
    name = "_acme-challenge.new.example.test"
    assert present(server, name).status == 422
    resolver.cnames[name] = X8
    assert present(server, name).status == 201
    assert served(server, X8) == {"v"}


def test_cleanup_works_when_the_cname_has_changed_or_gone(server, resolver):
    assert present(server, HOST, "v").status == 201
    assert present(server, HOST, "w").status == 201
    resolver.cnames[HOST] = X8
    assert cleanup(server, HOST, "v").status == 200
    assert served(server, X7) == {"w"}
    del resolver.cnames[HOST]
    assert cleanup(server, HOST, "w").status == 200
    assert served(server, X7) == set()


def test_a_crash_between_present_and_cleanup(server, resolver):
    assert present(server, HOST).status == 201
    server.kill()
    del resolver.cnames[HOST]
    server.start()
    assert served(server, X7) == {"v"}
    assert cleanup(server, HOST).status == 200
    assert served(server, X7) == set()


def test_both_names_have_the_story(server):
    assert present(server, HOST).status == 201
    assert cleanup(server, HOST).status == 200
    for name in (HOST, X7):
        events = [event for event in server.timeline(name, "both") if event["event"] != "asked"]
        assert [event["event"] for event in events] == ["presented", "followed", "committed", "live",
                                                        "removed"]
        assert (events[1]["asked"], events[1]["followed_to"]) == (HOST, X7)


def test_a_resolver_that_is_away(server, resolver):
    resolver.silent = True
    reply = present(server, HOST, seconds=60)
    assert (reply.status, reply.json()["error"]) == (422, "not-served")
    assert reply.json()["detail"].startswith(f"{HOST} is not served here, and the resolvers gave ")
    resolver.silent = False
    wait_until(lambda: present(server, HOST, seconds=60).status == 201, 60, "the resolver's return")


def test_other_resolvers_are_taken_on_reload(server, resolver):
    assert present(server, HOST).json()["followed_to"] == X7
    with Resolver({HOST: X8}) as other:
        server.config["resolver"] = {"servers": [other.server]}
        reload(server)
        assert present(server, HOST, "w").json()["followed_to"] == X8
        assert (served(server, X7), served(server, X8)) == ({"v"}, {"w"})
        assert resolver.asked == [HOST] and other.asked == [HOST]
        for value in ("v", "w"):
            assert cleanup(server, HOST, value).status == 200
        assert (served(server, X7), served(server, X8)) == (set(), set())


def test_a_present_under_way_ends_with_the_resolver_it_began_with(server, resolver):
    resolver.silent = True
    replies = []
    thread = threading.Thread(target=lambda: replies.append(present(server, HOST, seconds=60)))
    thread.start()
    wait_until(lambda: resolver.asked, 10, "the question")
    with Resolver({HOST: X8}) as other:
        server.config["resolver"] = {"servers": [other.server]}
        reload(server)
        resolver.silent = False  # Its question is repeated, and answered.
        thread.join(30)
        assert replies[0].json()["followed_to"] == X7
        assert other.asked == []


def test_stopping_does_not_wait_for_resolvers(server, resolver):
    resolver.silent = True
    replies = []
    thread = threading.Thread(target=lambda: replies.append(present(server, HOST, seconds=60)))
    thread.start()
    wait_until(lambda: resolver.asked, 10, "the question")
    server.stop()
    thread.join(30)
    assert (replies[0].status, replies[0].json()["error"]) == (503, "stopping")


def test_unsigned_answers_below_a_trust_anchor_are_bogus(server, resolver, tmp_path):
    anchor = tmp_path / "anchor"
    anchor.write_text("example.test. IN DS 12345 13 2 " + "00" * 32 + "\n")
    server.config["resolver"]["trust-anchor-file"] = str(anchor)
    reload(server)
    reply = present(server, HOST, seconds=60)
    assert (reply.status, reply.json()) == (422, {
        "error": "not-served", "detail": f"{HOST} has a CNAME that fails DNSSEC validation"})


def test_a_bad_trust_anchor_is_told(server, tmp_path):
    anchor = tmp_path / "anchor"
    anchor.write_text("no record at all\n")
    server.config["resolver"]["trust-anchor-file"] = str(anchor)
    server.write_config()
    done = subprocess.run([build_folder() / "dns01d", "--check", "-c", server.config_path],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "resolver.trust-anchor-file" in done.stderr + done.stdout
    assert server.request("POST", "/v1/reload", token="admin", body={}).status != 200
    assert present(server, HOST).status == 201  # The old settings are in force.


def test_many_names_at_once(server, resolver):
    names = [f"_acme-challenge.n{i}.example.test" for i in range(60)]
    resolver.cnames.update({name: X8 for name in names})
    statuses = []
    threads = [threading.Thread(target=lambda n=name: statuses.append(
        present(server, n, f"value-{n[17:20]}", seconds=60).status)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [201] * 60
    listed = server.request("GET", "/v1/challenges", token="both").json()["challenges"]
    assert {row["asked"] for row in listed} == set(names)
