"""The native API, httpreq and the timeline: what they accept, what they refuse, with what reply."""

import base64
import datetime

import pytest

from dnsask import texts
from program import wait_until

ZONE = "auth.example.test"


def assert_error(reply, status, code):
    assert reply.status == status, reply.text
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.text.count("\n") <= 1
    body = reply.json()
    assert body["error"] == code
    assert body["detail"]


def test_present_and_repeat(challenges):
    first = challenges.present(f"a.{ZONE}", "v")
    assert first.status == 201
    body = first.json()
    assert body["name"].rstrip(".") == f"a.{ZONE}"
    assert (body["value"], body["owner"]) == ("v", "token:all")
    assert challenges.present(f"a.{ZONE}", "v").status == 200
    assert len(challenges.ask(f"a.{ZONE}").answer[0]) == 1


def test_lease_is_a_day_by_default(challenges):
    expires = challenges.present(f"a.{ZONE}", "v").json()["expires"]
    left = datetime.datetime.fromisoformat(expires) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=23) < left <= datetime.timedelta(hours=24)


def test_lease_of_the_client(challenges):
    expires = challenges.present(f"a.{ZONE}", "v", lease="10m").json()["expires"]
    left = datetime.datetime.fromisoformat(expires) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=9) < left <= datetime.timedelta(minutes=10)


@pytest.mark.parametrize("lease", ["31d", "0s", "-1s", "soon", "none", 600])
def test_bad_lease(challenges, lease):
    assert challenges.present(f"a.{ZONE}", "v", lease=lease).status in (400, 403)
    assert texts(challenges.ask(f"a.{ZONE}")) == set()


def test_cleanup_is_idempotent(challenges):
    challenges.present(f"a.{ZONE}", "v")
    for _ in range(2):
        assert challenges.cleanup(f"a.{ZONE}", "v").status == 200
    assert texts(challenges.ask(f"a.{ZONE}")) == set()


def test_value_of_two_owners(challenges):
    """Served once, and until both are gone; nobody removes what another presented."""
    challenges.present(f"a.{ZONE}", "v", token="all")
    assert challenges.present(f"a.{ZONE}", "v", token="other").status == 201
    assert len(challenges.ask(f"a.{ZONE}").answer[0]) == 1
    assert challenges.cleanup(f"a.{ZONE}", "v", token="all").status == 200
    assert texts(challenges.ask(f"a.{ZONE}")) == {b"v"}
    assert challenges.cleanup(f"a.{ZONE}", "v", token="all").status == 200
    assert texts(challenges.ask(f"a.{ZONE}")) == {b"v"}
    assert challenges.cleanup(f"a.{ZONE}", "v", token="other").status == 200
    assert texts(challenges.ask(f"a.{ZONE}")) == set()


def test_admin_removes_anything(challenges):
    challenges.present(f"a.{ZONE}", "v")
    assert challenges.cleanup(f"a.{ZONE}", "v", token="admin").status == 200
    assert texts(challenges.ask(f"a.{ZONE}")) == set()


def test_no_or_wrong_credential(server):
    body = {"name": f"a.{ZONE}", "value": "v"}
    for headers in ({}, {"Authorization": "Bearer wrong-secret-of-someone"},
                    {"Authorization": "Basic !!!"}, {"Authorization": "Digest x"}):
        assert_error(server.request("POST", "/v1/challenges", body, headers=headers),
                     401, "unauthorized")


def test_basic_credential(server, challenges):
    word = base64.b64encode(f"all:{server.secrets['all']}".encode()).decode()
    reply = server.request("GET", "/v1/challenges", headers={"Authorization": f"Basic {word}"})
    assert reply.status == 200


def test_no_right_to_the_name(challenges):
    assert_error(challenges.present(f"a.{ZONE}", "v", token="one"), 403, "forbidden")
    assert challenges.present(f"only.{ZONE}", "v", token="one").status == 201


def test_no_right_to_the_verb(challenges):
    assert_error(challenges.present(f"a.{ZONE}", "v", token="reader"), 403, "forbidden")
    assert_error(challenges.cleanup(f"a.{ZONE}", "v", token="reader"), 403, "forbidden")


def test_name_not_served(challenges):
    assert_error(challenges.present("_acme-challenge.example.org", "v", token="admin"),
                 422, "not-served")


@pytest.mark.parametrize("value", ["", "x" * 256])
def test_bad_value(challenges, value):
    assert_error(challenges.present(f"a.{ZONE}", value), 400, "bad-value")


def test_longest_value(challenges):
    assert challenges.present(f"a.{ZONE}", "x" * 255).status == 201
    assert texts(challenges.ask(f"a.{ZONE}", tcp=True)) == {b"x" * 255}


def test_too_many_values(challenges):
    statuses = [challenges.present(f"full.{ZONE}", f"{i}" + "x" * 254).status for i in range(6)]
    assert statuses[0] == 201
    assert statuses[-1] == 409
    assert set(statuses) == {201, 409}
    reply = challenges.present(f"full.{ZONE}", "y" * 255)
    assert_error(reply, 409, "too-many-values")


@pytest.mark.parametrize("name", ["fixed", "alias"])
def test_static_record_wins(challenges, name):
    assert_error(challenges.present(f"{name}.{ZONE}", "v"), 409, "static-record")


@pytest.mark.parametrize("body", [
    "", "{", "[]", "\"x\"", "{\"name\": \"a.auth.example.test\"}", "{\"value\": \"v\"}",
    "{\"name\": 1, \"value\": \"v\"}",
    "{\"name\": \"a.auth.example.test\", \"value\": \"v\", \"value\": \"w\"}",
    "{\"name\": \"a.auth.example.test\", \"value\": \"v\", \"Value\": \"w\"}",
    "{\"name\": \"a..auth.example.test\", \"value\": \"v\"}",
    "[" * 10000,
], ids=range(11))
def test_bad_body(server, body):
    reply = server.request("POST", "/v1/challenges", body, token="all")
    assert reply.status == 400
    assert reply.json()["error"]


def test_body_too_large(server):
    reply = server.request("POST", "/v1/challenges", "x" * 65537, token="all")
    assert reply.status == 413


def test_list_shows_what_one_may_read(server, challenges):
    challenges.present(f"only.{ZONE}", "mine", token="one")
    challenges.present(f"a.{ZONE}", "theirs")

    def values(token):
        reply = server.request("GET", "/v1/challenges", token=token)
        return {entry["value"] for entry in reply.json()["challenges"]}

    assert values("one") == {"mine"}
    assert values("reader") == {"mine", "theirs"}


def test_timeline(server, challenges):
    name = f"timeline.{ZONE}"
    challenges.present(name, "v")
    challenges.ask(name)
    challenges.cleanup(name, "v")
    events = server.timeline(name, "reader")
    words = [event["event"] for event in events]
    assert [word for word in words if word != "asked"] == ["presented", "committed", "live",
                                                           "removed"]
    times = [event["time"] for event in events]
    assert times == sorted(times)
    assert all(datetime.datetime.fromisoformat(time).utcoffset() == datetime.timedelta(0)
               for time in times)


def test_timeline_notes_who_asked(server, challenges):
    name = f"asked.{ZONE}"
    challenges.present(name, "v")
    challenges.ask(name, tcp=True)

    def asked():
        return [event for event in server.timeline(name, "reader") if event["event"] == "asked"]

    event, = wait_until(asked, 5, "an event of the question")
    assert event["transport"] == "tcp"
    assert event["from"].startswith("127.0.0.1")
    assert event["answer"] == "NOERROR"


def test_timeline_needs_the_right(server, challenges):
    challenges.present(f"a.{ZONE}", "v")
    reply = server.request("GET", f"/v1/challenges/a.{ZONE}/timeline", token="one")
    assert_error(reply, 403, "forbidden")


def test_httpreq(server, challenges):
    body = {"fqdn": f"lego.{ZONE}.", "value": "v"}
    assert server.request("POST", "/present", body, token="all").status == 200
    assert texts(challenges.ask(f"lego.{ZONE}")) == {b"v"}
    assert server.request("POST", "/cleanup", body, token="all").status == 200
    assert texts(challenges.ask(f"lego.{ZONE}")) == set()


def test_acmeproxy_finds_the_value_in_the_reply(server, challenges):
    """acme.sh looks for the quoted value in the reply."""
    body = {"fqdn": f"acmesh.{ZONE}.", "value": "the-value"}
    assert '"the-value"' in server.request("POST", "/present", body, token="all").text
    server.request("POST", "/cleanup", body, token="all")


def test_unknown_path_and_method(server):
    assert server.request("GET", "/nowhere", token="all").status == 404
    assert server.request("PUT", "/v1/challenges", token="all").status == 405
    assert server.request("GET", "/update").status == 405


def test_health_pages(server):
    for path in ("/livez", "/readyz"):
        assert server.request("GET", path, port=server.metrics_port).status == 200
        assert server.request("GET", path).status == 200


def test_metrics(server, challenges):
    challenges.present(f"a.{ZONE}", "v")
    challenges.ask(f"a.{ZONE}")
    text = server.metrics()
    for name in ("dns01d_dns_responses_total{", "dns01d_challenges{state=\"live\"}",
                 "dns01d_present_duration_seconds_bucket{door=\"api\"",
                 "dns01d_store_commit_duration_seconds_count", "dns01d_unexpected_queries_total"):
        assert name in text


def test_unexpected_queries_are_counted(server, challenges):
    def count():
        line, = [line for line in server.metrics().splitlines()
                 if line.startswith("dns01d_unexpected_queries_total")]
        return int(line.split()[-1])

    before = count()
    challenges.ask(f"only.{ZONE}")
    wait_until(lambda: count() > before, 5, "the count")


def test_secrets_are_not_in_the_log(server):
    server.request("POST", "/v1/challenges", {"name": f"a.{ZONE}", "value": "v"},
                   headers={"Authorization": "Bearer wrong-secret-of-someone"})
    log = server.process.log.read_text()
    for secret in [*server.secrets.values(), "wrong-secret-of-someone"]:
        assert secret not in log
