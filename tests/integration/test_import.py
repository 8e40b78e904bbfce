"""dns01ctl import: what acme-dns left comes over whole, once, and its clients go on as before."""

import json
import sqlite3
import subprocess
import time

import pytest

import fake_acmedns as fake
from dns01d import Dns01d, build_folder
from dnsask import ask, texts

ZONE = "auth.example.test"


@pytest.fixture
def server(tmp_path):
    with Dns01d(tmp_path / "server") as made:
        yield made


def run_import(server, *arguments, status=0):
    result = subprocess.run([build_folder() / "dns01ctl", "--socket",
                             server.state / "control.sock", "import", *map(str, arguments)],
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == status, result.stdout + result.stderr
    return result


def counts(server, *arguments, status=0):
    return json.loads(run_import(server, *arguments, "--json", status=status).stdout)


def update(server, one, text=None, key=None, username=None):
    return server.request("POST", "/update", body={"subdomain": one.subdomain,
                                                   "txt": text or fake.value()},
                          headers={"X-Api-User": username or one.username,
                                   "X-Api-Key": key or one.key})


def shown(server, one):
    answer = ask((server.address, server.dns_port), f"{one.subdomain}.{ZONE}")
    return sorted(text.decode() for text in texts(answer))


def hashes_left(server):
    with sqlite3.connect(f"file:{server.state / 'dns01d.db'}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM account WHERE bcrypt IS NOT NULL").fetchone()[0]


KINDS = ["sqlite", "sqlite-0", "copy", "insert", "csv", "csv-bare", "sqlite-dump"]


def write(kind, folder, accounts):
    """The arguments that name the files."""
    if kind == "sqlite":
        return [fake.write_sqlite(folder / "acme-dns.db", accounts)]
    if kind == "sqlite-0":
        return [fake.write_sqlite(folder / "acme-dns.db", accounts, version=0)]
    if kind == "copy":
        return [fake.write_copy_dump(folder / "dump.sql", accounts)]
    if kind == "insert":
        return [fake.write_insert_dump(folder / "dump.sql", accounts)]
    if kind == "sqlite-dump":
        path = fake.write_sqlite(folder / "acme-dns.db", accounts)
        dump = folder / "dump.sql"
        with sqlite3.connect(path) as db:
            dump.write_text("\n".join(db.iterdump()) + "\n")
        return [dump]
    return list(fake.write_csv(folder / "records.csv", folder / "txt.csv", accounts,
                               header=kind == "csv"))


@pytest.mark.parametrize("kind", KINDS)
def test_accounts_come_with_hashes_networks_and_values(server, tmp_path, kind):
    accounts = [fake.account(values=1), fake.account(),
                fake.account(allowfrom=["192.0.2.0/24", "2001:db8::/32"])]
    files = write(kind, tmp_path, accounts)
    assert counts(server, "acme-dns", *files, "--dry-run") == {
        "dry_run": True, "accounts": 3, "imported": 3, "unchanged": 0, "values": 1,
        "complete": True, "refused": []}
    assert hashes_left(server) == 0
    found = counts(server, "acme-dns", *files)
    assert (found["imported"], found["unchanged"], found["values"]) == (3, 0, 1)
    assert shown(server, accounts[0]) == [accounts[0].values[0][0]]
    assert shown(server, accounts[1]) == []
    reply = update(server, accounts[1], "b" * 43)
    assert (reply.status, reply.text) == (200, '{"txt": "' + "b" * 43 + '"}')
    assert shown(server, accounts[1]) == ["b" * 43]
    assert update(server, accounts[2]).status == 401, "only its own networks may"
    # The right key was checked before the address was: its hash is replaced all the same.
    assert hashes_left(server) == 1

    again = counts(server, "acme-dns", *files)
    assert (again["imported"], again["unchanged"], again["values"]) == (0, 3, 0)
    assert shown(server, accounts[1]) == ["b" * 43]


def test_a_replaced_hash_survives_kill(server, tmp_path):
    one, other = fake.account(), fake.account()
    path = fake.write_sqlite(tmp_path / "acme-dns.db", [one, other])
    counts(server, "acme-dns", path)
    assert update(server, one).status == 200
    server.kill()
    server.start()
    assert hashes_left(server) == 1
    assert update(server, one, "c" * 43).status == 200
    assert update(server, other).status == 200, "its hash came back too"
    assert hashes_left(server) == 0


def test_an_acknowledged_import_survives_kill(server, tmp_path):
    accounts = [fake.account(values=2) for _ in range(250)]
    path = fake.write_copy_dump(tmp_path / "dump.sql", accounts)
    assert counts(server, "acme-dns", path)["imported"] == 250
    server.kill()
    server.start()
    assert counts(server, "acme-dns", path)["unchanged"] == 250
    for one in accounts[::50]:
        assert shown(server, one) == sorted(text for text, _ in one.values)


def test_old_values_stay_away(server, tmp_path):
    one = fake.account(values=1, updated=int(time.time()) - 2 * 86400)
    found = counts(server, "acme-dns", fake.write_sqlite(tmp_path / "acme-dns.db", [one]))
    assert (found["imported"], found["values"]) == (1, 0)
    assert shown(server, one) == []


def test_wrong_keys_and_unknown_users_cost_the_same_and_look_the_same(server, tmp_path):
    one = fake.account(cost=10)
    stranger = fake.account()
    counts(server, "acme-dns", fake.write_sqlite(tmp_path / "acme-dns.db", [one]))

    def seconds(account, key=None):
        start = time.monotonic()
        reply = update(server, account, key=key)
        assert (reply.status, reply.text) == (401, '{"error": "forbidden"}')
        return time.monotonic() - start

    wrong = sorted(seconds(one, key="x" * 40) for _ in range(3))[1]
    unknown = sorted(seconds(stranger) for _ in range(3))[1]
    assert 0.2 < wrong / unknown < 5, (wrong, unknown)
    assert update(server, one).status == 200


def test_guessing_is_limited(server, tmp_path):
    server.config["api"]["limits"] = {"auth-failures": "5/m"}
    server.stop()
    server.start()
    one = fake.account()
    counts(server, "acme-dns", fake.write_sqlite(tmp_path / "acme-dns.db", [one]))
    statuses = [update(server, one, key="y" * 40).status for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert hashes_left(server) == 1


def test_what_is_refused_is_told_with_its_line(server, tmp_path):
    good, costly, strange = fake.account(), fake.account(), fake.account()
    costly.hash = costly.hash.replace("$2a$04$", "$2a$31$")
    strange.username = "nobody"
    path = fake.write_copy_dump(tmp_path / "dump.sql", [good, costly, strange])
    lines = path.read_text().splitlines()
    result = run_import(server, "acme-dns", path, status=1)
    for one, reason in ((costly, "bcrypt cost 31 is over 14"), (strange, "is no UUID")):
        number = next(n for n, line in enumerate(lines, 1) if line.startswith(one.username))
        assert f"line {number}: account {one.username} refused" in result.stdout
        assert reason in result.stdout
    assert "3 accounts: 1 imported with 0 values, 0 unchanged, 2 refused" in result.stdout
    assert update(server, good).status == 200


def test_names_that_are_taken_or_elsewhere_are_refused(server, tmp_path):
    one, thief = fake.account(), fake.account()
    thief.subdomain = one.subdomain
    counts(server, "acme-dns", fake.write_sqlite(tmp_path / "a.db", [one]))
    with sqlite3.connect(tmp_path / "a.db") as db:
        db.execute("DELETE FROM records")
        db.execute("INSERT INTO records VALUES (?, ?, ?, '[]')",
                   (thief.username, thief.hash, thief.subdomain))
    found = counts(server, "acme-dns", tmp_path / "a.db", status=1)
    assert "exists already" in found["refused"][0]["detail"]
    config = tmp_path / "config.cfg"
    config.write_text('[general]\ndomain = "auth.elsewhere.test"\n')
    other = fake.write_sqlite(tmp_path / "b.db", [fake.account()])
    result = run_import(server, "acme-dns", other, "--config", config, status=1)
    assert "is in no zone served here" in result.stderr


@pytest.mark.parametrize("capitals", [False, True])
def test_goacmedns_accounts_with_their_passwords(server, tmp_path, capitals):
    accounts = [fake.account(), fake.account()]
    path = fake.write_goacmedns(tmp_path / "accounts.json", accounts, ZONE, capitals)
    assert counts(server, "goacmedns", path)["imported"] == 2
    assert hashes_left(server) == 0
    for one in accounts:
        assert update(server, one).status == 200
    assert counts(server, "goacmedns", path)["unchanged"] == 2


def damage(kind, path):
    data = path.read_bytes()
    if kind == "cut":
        path.write_bytes(data[:len(data) * 2 // 3])
    elif kind == "torn":  # The pages of the tables, not the first.
        path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "other":
        path.write_text("Dear Sir or Madam,\n")


@pytest.mark.parametrize("file, kind", [("sqlite", "cut"), ("sqlite", "torn"), ("sqlite", "empty"),
                                        ("copy", "cut"), ("insert", "cut"), ("copy", "other")])
def test_damaged_files_change_nothing(server, tmp_path, file, kind):
    path = write(file, tmp_path, [fake.account(values=1) for _ in range(60)])[0]
    damage(kind, path)
    result = run_import(server, "acme-dns", path, status=1)
    assert result.stdout == ""
    assert str(path) in result.stderr and "nothing was imported" in result.stderr
    reply = subprocess.run([build_folder() / "dns01ctl", "--socket", server.state / "control.sock",
                            "accounts", "--json"], capture_output=True, check=True, timeout=30)
    assert json.loads(reply.stdout) == {"accounts": []}


def test_a_newer_acmedns_is_refused(server, tmp_path):
    path = fake.write_sqlite(tmp_path / "a.db", [fake.account()])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE acmedns SET Value = '2'")
    assert "version 2" in run_import(server, "acme-dns", path, status=1).stderr


CONFIG = """
# acme-dns
[general]
listen = "{address}:{dns_port}"
protocol = "both"
domain = "auth.example.test"
nsname = "ns1.auth.example.test"
nsadmin = "admin.example.test"
records = [
    # the server
    "ns1.auth.example.test. A {address}",
    "auth.example.test. NS ns1.auth.example.test.",
    "auth.example.test. A {address}",   # and itself
]
debug = false

[database]
engine = "sqlite3"
connection = "/var/lib/acme-dns/acme-dns.db"

[api]
ip = "{address}"
disable_registration = false
port = "{api_port}"
tls = "none"
corsorigins = [ "*" ]
use_header = true
header_name = "X-Forwarded-For"

[logconfig]
loglevel = "info"
logtype = "stdout"
logformat = "text"
"""


def test_a_config_cfg_becomes_ours(tmp_path):
    made = Dns01d(tmp_path / "server")
    config = tmp_path / "config.cfg"
    config.write_text(CONFIG.format(**vars(made)))
    result = subprocess.run([build_folder() / "dns01ctl", "import", "acme-dns", "--config", config],
                            capture_output=True, text=True, timeout=30, check=True)
    assert "No counterpart: api.corsorigins" in result.stdout
    made.write_config = lambda: made.config_path.write_text(
        f"{result.stdout}\nstate-dir: {made.state}\nmetrics: {{listen: []}}\n")
    one = fake.account()
    path = fake.write_sqlite(tmp_path / "acme-dns.db", [one])
    with made:
        assert counts(made, "acme-dns", path)["imported"] == 1
        assert update(made, one, "d" * 43).status == 200
        assert shown(made, one) == ["d" * 43]
        assert made.request("POST", "/register").status == 201
        answer = ask((made.address, made.dns_port), ZONE, "NS")
        assert answer.answer[0][0].to_text() == f"ns1.{ZONE}."


def test_a_config_cfg_with_a_fault_is_refused(tmp_path):
    config = tmp_path / "config.cfg"
    config.write_text('[general]\ndomain = "auth.example.test\n')
    result = subprocess.run([build_folder() / "dns01ctl", "import", "acme-dns", "--config", config],
                            capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert f"{config}: line 2: a string is never closed" in result.stderr
