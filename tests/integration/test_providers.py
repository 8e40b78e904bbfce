"""Names at providers: dns01d writes them there, and removes exactly what it wrote. The provider is a
PowerDNS of the test's own."""

import concurrent.futures
import json
import os
import signal
import random
import subprocess
import time
import urllib.parse

import pytest

from certificates import make_certificate
from dns01d import Dns01d, build_folder
from powerdns import Forwarder, Front, PowerDns
from program import free_address, wait_until

ZONE = "example.test"
# Scaled down unless asked for: the whole runs of docs/providers.md take minutes.
FULL = os.environ.get("DNS01D_PROVIDERS_FULL") == "1"


@pytest.fixture(scope="module")
def pdns(tmp_path_factory):
    with PowerDns(tmp_path_factory.mktemp("pdns"), (ZONE, "other.test")) as made:
        yield made


@pytest.fixture(scope="module")
def resolver(pdns):
    with Forwarder(pdns) as made:
        yield made


@pytest.fixture
def make(tmp_path, pdns, resolver):
    """Makes a dns01d with an account at the PowerDNS; what is started is stopped."""
    started = []

    def make_server(key=None, accounts=None, routes=None, more=None, **account):
        key_file = tmp_path / "pdns-key"
        key_file.write_text((key or pdns.key) + "\n")
        made = Dns01d(tmp_path / f"dns01d{len(started)}", {
            "log": {"level": "debug"},
            "resolver": {"servers": [resolver.server]},
            "providers": accounts or {"my-pdns": pdns.account(key_file, **account)},
            "routes": routes or [{"under": ZONE, "provider": "my-pdns"}],
            **(more or {}),
        })
        made.token("t", "a-secret-of-the-token", names=["**"])
        made.token("admin", "a-secret-of-the-admin", verbs=["admin"])
        started.append(made)
        return made.start()

    yield make_server
    for made in started:
        if made.process is not None:
            made.process.stop()


def name_of(label):
    return f"_acme-challenge.{label}.{ZONE}"


def present(server, name, value="v", **more):
    return server.request("POST", "/v1/challenges", token="t",
                          body={"name": name, "value": value}, **more)


def cleanup(server, name, value="v", **more):
    query = urllib.parse.urlencode({"name": name, "value": value})
    return server.request("DELETE", f"/v1/challenges?{query}", token="t", **more)


def provider_pid(server):
    """The pid of the provider process that was started last."""
    lines = [line for line in server.process.lines() if "provider_process_started" in line]
    return int(lines[-1].split("pid=")[1].split()[0])


def test_present_stands_when_it_returns(make, pdns):
    server = make()
    name = name_of("a")
    assert present(server, name, "one").status == 201
    assert pdns.values(name) == {"one"}
    assert present(server, name, "one").status == 200
    assert pdns.values(name) == {"one"}
    reply = present(server, name, "two")
    assert reply.status == 201, reply.text
    assert pdns.values(name) == {"one", "two"}
    assert cleanup(server, name, "one").status == 200
    assert pdns.values(name) == {"two"}
    assert cleanup(server, name, "one").status == 200
    assert cleanup(server, name, "two").status == 200
    assert pdns.values(name) == set()
    assert name not in pdns.all_values(ZONE)


def test_what_stands_there_survives(make, pdns):
    server = make()
    name = name_of("foreign")
    pdns.replace(ZONE, name, "TXT", ['"somebody else\'s"'])
    pdns.replace(ZONE, name, "CAA", ['0 issue "ca.test"'])
    assert present(server, name, "mine").status == 201
    assert pdns.values(name) == {"somebody else's", "mine"}
    assert cleanup(server, name, "mine").status == 200
    assert pdns.values(name) == {"somebody else's"}
    _status, zone = pdns.request("GET", f"/api/v1/servers/localhost/zones/{ZONE}.")
    assert [r for r in zone["rrsets"] if r["name"] == f"{name}." and r["type"] == "CAA"]


def test_a_value_that_is_there_already_is_not_written_twice(make, pdns):
    server = make()
    name = name_of("already")
    pdns.replace(ZONE, name, "TXT", ['"v"'])
    assert present(server, name, "v").status == 201
    assert pdns.values(name) == {"v"}


def test_the_timeline_tells_the_steps(make):
    server = make()
    name = name_of("steps")
    assert present(server, name).status == 201
    events = [event["event"] for event in server.timeline(name, "t")]
    assert events[0] == "presented" and "committed" in events and "live" in events
    steps = [event for event in server.timeline(name, "t") if event["event"] == "provider"]
    assert steps and all(event["account"] == "my-pdns" for event in steps)


def test_names_that_no_route_leads_away_are_served_here(make, pdns):
    server = make()
    assert present(server, "_acme-challenge.www.nowhere.test").status == 422
    assert pdns.values("_acme-challenge.www.nowhere.test") == set()


def test_the_longest_route_decides(make, pdns, tmp_path):
    key_file = tmp_path / "pdns-key"
    wrong_file = tmp_path / "wrong-key"
    wrong_file.write_text("not-the-key-of-this-powerdns\n")
    server = make(accounts={"wrong": pdns.account(wrong_file), "right": pdns.account(key_file)},
                  routes=[{"under": ZONE, "provider": "wrong"},
                          {"under": f"deep.{ZONE}", "provider": "right"}])
    assert present(server, name_of("www.deep")).status == 201
    assert present(server, name_of("www")).status >= 400


# ---- After a crash ----

CRASH_NAMES = 100 if FULL else 20


def test_the_provider_process_is_killed_under_way(make, pdns):
    """Every value ends as asked, whenever the process dies."""
    server = make()
    names = [name_of(f"kill{i}") for i in range(CRASH_NAMES)]

    def run(name):
        first = present(server, name, f"v-{name[:30]}")
        wait_until(lambda: present(server, name, f"v-{name[:30]}").status in (200, 201), 60, name)
        return first.status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        work = [pool.submit(run, name) for name in names]
        killed = 0
        # Five times in the life of one job, and the job is blamed for it (providers/link.c).
        while not all(one.done() for one in work) and killed < 4:
            pid = provider_pid(server)
            os.kill(pid, signal.SIGKILL)
            killed += 1
            wait_until(lambda: provider_pid(server) != pid, 30, "another provider process")
        for one in work:
            assert one.result() in (200, 201, 503)
    assert killed > 0
    for name in names:
        assert pdns.values(name) == {f"v-{name[:30]}"}
    for name in names:
        assert cleanup(server, name, f"v-{name[:30]}").status == 200
    assert not [name for name in pdns.all_values(ZONE) if "kill" in name]


def test_dns01d_is_killed_under_way(make, pdns):
    """What was answered stands and can be removed; what was never answered goes away, or is there
    and removed by a CleanUp: nothing is forgotten."""
    server = make()
    names = [name_of(f"crash{i}") for i in range(CRASH_NAMES)]
    pool = concurrent.futures.ThreadPoolExecutor(16)

    def run(name):
        try:
            return present(server, name).status
        except OSError:
            return None

    work = [pool.submit(run, name) for name in names]
    concurrent.futures.wait(work, return_when=concurrent.futures.FIRST_COMPLETED)
    server.kill()
    answered = [one.result() for one in work]
    pool.shutdown()
    assert 201 in answered
    server.start()
    for name, status in zip(names, answered):
        if status == 201:
            assert pdns.values(name) == {"v"}
    for name in names:
        wait_until(lambda: cleanup(server, name).status == 200, 30, f"cleanup of {name}")
    wait_until(lambda: not [name for name in pdns.all_values(ZONE) if "crash" in name], 30,
               "that every value is removed")


def test_a_value_that_nobody_wants_after_a_restart_is_removed(make, pdns):
    """The CleanUp is committed, but the provider is down: the journal remembers."""
    server = make()
    name = name_of("leftover")
    assert present(server, name).status == 201
    pdns.stop()
    try:
        status = cleanup(server, name, seconds=60).status
        assert status in (200, 502, 503), status
        server.kill()
    finally:
        pdns.start()
    assert pdns.values(name) == {"v"}
    server.start()
    wait_until(lambda: pdns.values(name) == set(), 30, "that the leftover is removed")


def test_a_lease_that_ends_removes_the_value(make, pdns):
    server = make()
    name = name_of("lease")
    assert server.request("POST", "/v1/challenges", token="t",
                          body={"name": name, "value": "v", "lease": "1s"}).status == 201
    wait_until(lambda: pdns.values(name) == set(), 30, "that the lease ends")


# ---- What is wrong is told ----


def test_a_wrong_key_is_told(make):
    server = make(key="a-wrong-api-key-that-nobody-logs")
    reply = present(server, name_of("wrong"))
    assert reply.status == 502, reply.text
    detail = reply.json()["detail"]
    assert "pdns" in detail and "401" in detail and "check the credentials" in detail
    assert present(server, name_of("wrong")).json()["detail"] == detail
    assert "a-wrong-api-key" not in reply.text
    assert cleanup(server, name_of("wrong")).status in (200, 502)


def test_a_missing_zone_is_told(make):
    server = make(routes=[{"under": "missing.test", "provider": "my-pdns"}])
    reply = present(server, "_acme-challenge.www.missing.test")
    assert reply.status == 502, reply.text
    assert "check that the account holds the zone" in reply.json()["detail"]


def test_http_needs_allow_networks(make, pdns, tmp_path):
    account = pdns.account(tmp_path / "pdns-key")
    del account["allow-networks"]
    server = make(accounts={"my-pdns": account})
    reply = present(server, name_of("plain"))
    assert reply.status == 502, reply.text
    assert pdns.values(name_of("plain")) == set()


def test_a_private_address_is_refused(make, pdns, tmp_path):
    """https, but to a loopback address, and only another network is allowed."""
    server = make(accounts={"my-pdns": pdns.account(
        tmp_path / "pdns-key", **{"base-url": f"https://{pdns.address}:{pdns.api_port}",
                                  "allow-networks": ["10.0.0.0/8"]})})
    reply = present(server, name_of("private"))
    assert reply.status == 502, reply.text
    assert "allow-networks" in reply.json()["detail"], reply.text


def test_a_server_that_is_down_is_told_and_then_works(make, pdns):
    server = make()
    name = name_of("down")
    pdns.stop()
    try:
        reply = present(server, name, seconds=60)
        assert reply.status in (502, 503), reply.text
    finally:
        pdns.start()
    wait_until(lambda: present(server, name, seconds=60).status in (200, 201), 60,
               "that it works again")
    assert pdns.values(name) == {"v"}


def test_the_environment_gives_settings(make, pdns, tmp_path, monkeypatch):
    key_file = tmp_path / "key-of-the-environment"
    key_file.write_text(pdns.key + "\n")
    monkeypatch.setenv("PDNS_API_URL", pdns.url)
    monkeypatch.setenv("PDNS_API_KEY_FILE", str(key_file))
    account = pdns.account(key_file)
    del account["base-url"], account["api-key-file"]
    server = make(accounts={"my-pdns": account})
    assert present(server, name_of("environment")).status == 201
    assert pdns.values(name_of("environment")) == {"v"}


def test_a_reload_changes_the_route(make, pdns, tmp_path):
    """What the old account wrote is removed there; what is wanted is written by the new one."""
    key_file = tmp_path / "pdns-key"
    accounts = {"first": pdns.account(key_file), "second": pdns.account(key_file, ttl="77")}
    server = make(accounts=accounts, routes=[{"under": ZONE, "provider": "first"}])
    name = name_of("route")
    assert present(server, name).status == 201
    server.config["routes"] = [{"under": ZONE, "provider": "second"}]
    server.write_config()
    assert server.request("POST", "/v1/reload", token="admin", body={}).status == 200
    reply = present(server, name, "two")
    assert reply.status == 201, reply.text
    wait_until(lambda: pdns.values(name) == {"v", "two"}, 30, "that both are written there")
    assert cleanup(server, name).status == 200
    assert cleanup(server, name, "two").status == 200
    wait_until(lambda: pdns.values(name) == set(), 30, "that nothing is left")


def test_no_secret_in_any_log_or_answer(make, pdns):
    server = make()
    answers = [present(server, name_of("secret")).text, cleanup(server, name_of("secret")).text,
               server.metrics(), str(server.timeline(name_of("secret"), "t"))]
    server.stop()
    logged = (server.folder / "dns01d.log").read_text()
    assert "my-pdns" in str(answers)
    for text in [logged, *answers]:
        assert pdns.key not in text
    assert pdns.key not in "".join(path.read_text(errors="replace")
                                   for path in server.state.rglob("*") if path.is_file())


# ---- Other servers ----


def test_a_server_with_an_authority_of_its_own(make, pdns, tmp_path):
    address = free_address()
    own = make_certificate(tmp_path, "own", address)
    with Front(pdns, tls=own, address=address) as front:
        server = make(**{"base-url": front.url, "ca-file": str(own[0])})
        assert present(server, name_of("tls")).status == 201
        assert pdns.values(name_of("tls")) == {"v"}


def test_an_unknown_authority_gets_no_secret(make, pdns, tmp_path):
    own = make_certificate(tmp_path, "unknown", "127.0.0.1")
    with Front(pdns, tls=own) as front:
        server = make(more={"present": {"limit": "2s"}}, **{"base-url": front.url})
        reply = present(server, name_of("unknown"))
        assert reply.status in (502, 503), reply.text
        assert front.seen == []


def test_a_redirect_to_another_host_is_not_followed(make, pdns):
    with Front(pdns) as other, Front(pdns) as front:
        front.redirect = other.url + "/api/v1/servers/localhost/zones"
        server = make(more={"present": {"limit": "5s"}}, **{"base-url": front.url})
        reply = present(server, name_of("redirect"))
        assert reply.status in (502, 503), reply.text
        assert front.seen and other.seen == []


def test_not_yet_and_a_repeat_joins(make, pdns):
    """The job goes on after `present.limit`; a repeated Present waits for the same one."""
    with Front(pdns, latency_s=1) as front:
        server = make(more={"present": {"limit": "1s"}}, **{"base-url": front.url})
        name = name_of("slow")
        reply = present(server, name)
        assert reply.status == 503 and reply.json()["error"] == "not-yet", reply.text
        assert reply.headers["Retry-After"]
        wait_until(lambda: present(server, name).status == 200, 30, "that it is there")
        assert pdns.values(name) == {"v"}
        writes = [path for method, path, _key in front.seen if method == "PATCH"]
        assert len(writes) == 1


# ---- Many at once ----

ROUNDS = 1000 if FULL else 25
MANY = 500 if FULL else 60
KILLS = 12 if FULL else 4
TOGETHER = 16  # D1_HOST_TOGETHER: requests of one account under way at once.


def test_two_values_at_one_name_at_once(make, pdns):
    """PowerDNS replaces whole RRsets, so that two writers would lose one another's values."""
    server = make(look=False)
    name = name_of("merge")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _round in range(ROUNDS):
            done = list(pool.map(lambda value: present(server, name, value).status, ("a", "b")))
            assert done == [201, 201]
            assert pdns.values(name) == {"a", "b"}
            done = list(pool.map(lambda value: cleanup(server, name, value).status, ("a", "b")))
            assert done == [200, 200]
            assert pdns.values(name) == set()


def test_many_at_once_with_a_slow_provider(make, pdns):
    """As fast as the limit of requests at once allows."""
    with Front(pdns, latency_s=0.2) as front:
        server = make(more={"api": {"limits": {"connections": 0}}}, look=False,
                      **{"base-url": front.url})
        names = [name_of(f"many{i}") for i in range(MANY)]
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
            done = list(pool.map(lambda name: present(server, name, seconds=60).status, names))
            while set(done) - {200, 201}:
                assert set(done) <= {200, 201, 503}
                done = list(pool.map(lambda name: present(server, name, seconds=60).status, names))
        took = time.monotonic() - begun
        allowed = len(front.seen) * 0.2 / TOGETHER
        stand = pdns.all_values(ZONE)
        assert all(stand.get(name) == {"v"} for name in names)
        assert len(front.seen) <= 6 * MANY  # Three candidates for the zone, read, write.
        assert took < 2 * allowed + 5, (took, allowed, len(front.seen))
        front.latency_s = 0
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert {*pool.map(lambda name: cleanup(server, name).status, names)} == {200}


def test_killed_at_random_during_many(make, pdns):
    """Present and CleanUp, repeated as clients do, while the process dies again and again."""
    with Front(pdns, latency_s=0.05) as front:
        server = make(more={"api": {"limits": {"connections": 0}}}, look=False,
                      **{"base-url": front.url})
        names = [name_of(f"random{i}") for i in range(MANY)]

        def run(name):
            wait_until(lambda: present(server, name, seconds=60).status in (200, 201), 120, name)
            if name in removed:
                wait_until(lambda: cleanup(server, name, seconds=60).status == 200, 120, name)

        removed = set(names[::2])
        chance = random.Random(1)
        killed = 0
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            work = [pool.submit(run, name) for name in names]
            # Each process waits longer than the one before it (D1_LINK_RESTART_MS), to 10 s.
            while (killed < KILLS and
                   concurrent.futures.wait(work, timeout=chance.uniform(0.2, 2)).not_done):
                pid = provider_pid(server)
                os.kill(pid, signal.SIGKILL)
                killed += 1
                wait_until(lambda: provider_pid(server) != pid, 30, "another provider process")
            for one in work:
                one.result()
        assert killed > 0
        stand = pdns.all_values(ZONE)
        assert {name for name in names if name in stand} == set(names) - removed
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert {*pool.map(lambda name: cleanup(server, name).status, names)} == {200}
        assert not [name for name in pdns.all_values(ZONE) if "random" in name]


# ---- What administrators see ----


def states(server):
    reply = server.request("GET", "/v1/providers", token="admin")
    assert reply.status == 200, reply.text
    return {one["account"]: one for one in reply.json()["providers"]}


def ctl(server, *arguments, seconds=60):
    return subprocess.run([build_folder() / "dns01ctl", "--socket", server.state / "control.sock",
                           *arguments], capture_output=True, text=True, timeout=seconds)


def test_the_state_of_accounts_is_shown(make):
    server = make()
    assert states(server)["my-pdns"]["state"] == "unused"
    assert present(server, name_of("state")).status == 201
    shown = states(server)["my-pdns"]
    assert (shown["type"], shown["state"], shown["done"]) == ("pdns", "ok", 1)
    assert server.request("GET", "/v1/providers", token="t").status == 403


def test_the_state_tells_what_fails(make):
    server = make(key="a-wrong-api-key-that-nobody-logs")
    present(server, name_of("wrong-state"))
    shown = states(server)["my-pdns"]
    assert shown["state"] == "failing" and "401" in shown["error"]


def test_metrics_count_requests_and_placements(make):
    server = make()
    assert "dns01d_provider_requests_total{" not in server.metrics()
    assert present(server, name_of("metrics")).status == 201
    assert server.metric('dns01d_provider_requests_total{provider="pdns",status="2xx"}') >= 2
    assert server.metric('dns01d_placements{state="placed"}') == 1
    assert cleanup(server, name_of("metrics")).status == 200
    assert server.metric('dns01d_placements{state="placed"}') == 0
    assert server.metric('dns01d_placements{state="leftover"}') == 0


def test_an_account_is_tried(make, pdns):
    server = make()
    done = ctl(server, "provider-test", "my-pdns", f"www.{ZONE}")
    assert done.returncode == 0, done.stderr
    assert "the account works" in done.stdout
    for word in ("zone:", "present: the value is there", "cleanup: the value is removed"):
        assert word in done.stdout, done.stdout
    assert pdns.values(name_of("www")) == set()


def test_an_account_that_fails_says_why(make):
    server = make(key="a-wrong-api-key-that-nobody-logs")
    done = ctl(server, "provider-test", "my-pdns", f"www.{ZONE}")
    assert done.returncode == 1
    assert "HTTP 401" in done.stderr and "check the credentials" in done.stderr
    done = ctl(server, "provider-test", "nobody", f"www.{ZONE}")
    assert done.returncode == 1 and "there is no provider account" in done.stderr


def test_types_and_settings_are_listed():
    program = build_folder() / "dns01ctl"
    listed = json.loads(subprocess.run([program, "--json", "providers"], check=True,
                                       capture_output=True).stdout)
    assert {"pdns", "cloudflare"} <= {one["type"] for one in listed}
    for one in listed:
        for setting in one["settings"]:
            assert set(setting) == {"name", "help", "secret", "required", "default", "environment"}
    table = subprocess.run([program, "providers"], check=True, capture_output=True, text=True)
    assert "pdns" in table.stdout and "api-key-file" in table.stdout
    one = subprocess.run([program, "providers", "pdns"], check=True, capture_output=True, text=True)
    assert "PDNS_API_KEY" in one.stdout
    none = subprocess.run([program, "providers", "nosuch"], capture_output=True, text=True)
    assert none.returncode == 1 and "there is no provider nosuch" in none.stderr
