"""The command line and the configuration: each fault is one clear line, exit status 1."""

import json
import re
import socket
import sqlite3
import subprocess

import pytest

from dns01d import Dns01d, build_folder
from program import ProgramError, free_address, free_port


def dns01d(*arguments):
    return subprocess.run([build_folder() / "dns01d", *map(str, arguments)], capture_output=True,
                          text=True, timeout=30)


def check(tmp_path, text):
    path = tmp_path / "dns01d.yaml"
    path.write_text(text)
    return dns01d("--check", "-c", path)


GOOD = """\
log: {level: debug, format: json}
zones:
  - name: auth.example.test
    nameservers: [ns1.auth.example.test]
    records: ["ns1 A 192.0.2.1"]
leases: {default: 12h}
"""


def test_good_file(tmp_path):
    done = check(tmp_path, GOOD)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("text", "line", "path", "words"), [
    ("colour: red\n", 1, "colour", []),
    ("dns:\n  listne: []\n", 2, "dns.listne", []),
    ("log: {level: info}\nlog: {level: debug}\n", 2, "log", []),
    ("dns: {workers: many}\n", 1, "dns.workers", ["many"]),
    ("dns: {workers: -1}\n", 1, "dns.workers", []),
    ("log: {level: loud}\n", 1, "log.level", ["info"]),
    ("dns: {listen: [\"127.0.0.1\"]}\n", 1, "dns.listen", []),
    ("leases: {default: 40d}\n", 1, "leases", []),
    ("zones:\n  - name: auth..test\n    nameservers: [ns1.auth.test]\n", 2, "zones", []),
    ("zones:\n  - nameservers: [ns1.auth.test]\n", 2, "zones", ["name"]),
    ("api: {listen: [\"192.0.2.1:80\"]}\n", 1, "api", ["insecure"]),
    ("dns:\n  update-forward-to: []\n", 2, "dns.update-forward-to",
     ["not available in this version"]),
    ("dns:\n  rate-limit: {per-second: -1}\n", 2, "dns.rate-limit.per-second", []),
    ("dns:\n  rate-limit: {exempt: [192.0.2.1]}\n", 2, "dns.rate-limit.exempt[0]", ["a network"]),
    ("webhook: {listen: [\"127.0.0.1:8443\"]}\n", 1, "webhook.tls.certificate", ["is empty"]),
    ("webhook: {tls: {certificate: /nonexistent/tls.crt, key: /nonexistent/tls.key}}\n", 1,
     "webhook.tls.certificate", ["/nonexistent/tls.crt"]),
    ("webhook: {group: acme}\n", 1, "webhook.group", ["acme.example.org"]),
    ("webhook:\n  kubeconfig: /nonexistent/kubeconfig\n", 2, "webhook.kubeconfig",
     ["/nonexistent/kubeconfig"]),
    ("webhook:\n  also-serve: [{group: acme.dns01d.dev, solver: dns01d}]\n", 2,
     "webhook.also-serve[0]", ["served already"]),
    ("webhook:\n  policy:\n    - {names: [\"**\"]}\n", 3, "webhook.policy[0].namespaces",
     ["is empty"]),
    ("webhook:\n  policy:\n    - {namespaces: [A_B]}\n", 3,
     "webhook.policy[0].namespaces[0]", ["a namespace's name"]),
    ("webhook:\n  tls: {mode: csr}\n", 2, "webhook.tls.signer", ["example.com/serving"]),
    ("webhook:\n  tls: {mode: self, key: /a}\n", 2, "webhook.tls.certificate",
     ["mode is not files"]),
    ("webhook: {tls: {}}\nleases: {kubernetes: 40d}\n", 2, "leases.kubernetes",
     ["longer than leases.maximum"]),
    ("tsig-keys:\n  - {name: k., secret-file: /nonexistent/key}\n", 2, "tsig-keys[0]",
     ["/nonexistent/key"]),
    ("store: {backend: etcd}\n", 1, "store.backend", ["sqlite, memory"]),
    ("tokens:\n  - {name: t, secret-file: /nonexistent/secret}\n", 2, "tokens",
     ["/nonexistent/secret"]),
    ("log: [\n", None, None, []),
    ("- a\n", 1, None, []),
], ids=range(29))
def test_faults(tmp_path, text, line, path, words):
    done = check(tmp_path, text)
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    found = re.match(rf"{re.escape(str(tmp_path))}/dns01d\.yaml:(\d+): (.*)", first)
    assert found, done.stderr
    if line is not None:
        assert int(found.group(1)) == line
    if path is not None:
        assert found.group(2).startswith(path)
    for word in words:
        assert word in done.stderr


def test_all_faults_are_told_at_once(tmp_path):
    done = check(tmp_path, "colour: red\nlog: {level: loud}\nsize: 3\n")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 3


def test_short_secret(tmp_path):
    (tmp_path / "secret").write_text("fifteen octets.\n")
    done = check(tmp_path, f"tokens:\n  - {{name: t, secret-file: {tmp_path / 'secret'}}}\n")
    assert done.returncode == 1
    assert "16" in done.stderr
    assert "fifteen" not in done.stderr


def test_printed_defaults_are_a_good_file(tmp_path):
    done = dns01d("--print-defaults")
    assert done.returncode == 0
    assert check(tmp_path, done.stdout).stderr == ""


def test_missing_file(tmp_path):
    done = dns01d("--check", "-c", tmp_path / "none.yaml")
    assert done.returncode == 1
    assert "none.yaml" in done.stderr


def test_version_and_help():
    assert re.fullmatch(r"dns01d \d+\.\d+\.\d+\n", dns01d("--version").stdout)
    assert "--print-defaults" in dns01d("--help").stdout


@pytest.mark.parametrize("arguments", [["--nonsense"], ["extra"], ["-c"]])
def test_wrong_arguments(arguments):
    assert dns01d(*arguments).returncode == 2


def start_fails(server):
    """Starts a server that cannot: returns its last line."""
    server.write_config()
    done = dns01d("-c", server.config_path)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line]
    assert lines, "nothing said"
    return lines[-1]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_dns_port_in_use(tmp_path, kind):
    server = Dns01d(tmp_path)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((server.address, server.dns_port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        assert f"{server.address}:{server.dns_port}" in start_fails(server)


def test_api_port_in_use(tmp_path):
    server = Dns01d(tmp_path)
    with socket.create_server((server.address, server.api_port)):
        assert f"{server.address}:{server.api_port}" in start_fails(server)


def test_state_is_no_folder(tmp_path):
    server = Dns01d(tmp_path)
    server.state.write_text("a file\n")
    assert str(server.state) in start_fails(server)


def test_store_of_a_newer_version(tmp_path):
    server = Dns01d(tmp_path)
    with server:
        pass
    path, = server.state.glob("*.db")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    line = start_fails(server)
    assert str(path) in line or str(server.state) in line
    assert "newer" in line


def test_damaged_store(tmp_path):
    server = Dns01d(tmp_path)
    with server:
        pass
    path, = server.state.glob("*.db")
    path.write_bytes(b"this is no database" * 1000)
    assert str(path) in start_fails(server)


def test_state_is_private(tmp_path):
    with Dns01d(tmp_path) as server:
        assert server.state.stat().st_mode & 0o777 == 0o700
        for path in server.state.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path


def test_json_is_taken(tmp_path):
    assert check(tmp_path, json.dumps({"log": {"level": "warn"}}, indent=1)).returncode == 0


def test_bad_start_is_no_ready(tmp_path):
    server = Dns01d(tmp_path, {"dns": {"listen": ["192.0.2.77:53"]}})
    with pytest.raises(ProgramError, match="ended"):
        server.start()


def test_listeners_turned_off(tmp_path):
    config = {"api": {"listen": []}, "metrics": {"listen": []}}
    with Dns01d(tmp_path, config) as server:
        for port in (server.api_port, server.metrics_port):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((server.address, port), 1)


def test_several_listeners(tmp_path):
    address = free_address()
    ports = [free_port(address), free_port(address)]
    config = {"dns": {"listen": [f"{address}:{port}" for port in ports], "workers": 2}}
    with Dns01d(tmp_path, config, address=address) as server:
        for port in ports:
            server.dns_port = port
            assert server.send_datagram(bytes.fromhex(
                "1234010000010000000000000461757468076578616d706c6504746573740000060001"))
