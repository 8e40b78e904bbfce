"""dns01ctl against a running dns01d: over the control socket, and over HTTP with a token."""

import json
import os
import re
import socket
import subprocess

import pytest

from dns01d import Dns01d
from dnsask import ask, texts
from program import end_with_parent, wait_until

ZONE = "auth.example.test"
DIGEST = "-oqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def controlled(tmp_path_factory):
    made = Dns01d(tmp_path_factory.mktemp("controlled"), {"api": {"registration": "closed"}})
    made.token("all", "secret-of-token-all", owners=[f"**.{ZONE}"])
    made.token("reader", "secret-of-token-reader", owners=[f"one.{ZONE}"], verbs=["read"])
    with made:
        yield made


def run(server, *arguments, environment=None, folder=None):
    return subprocess.run([server.build / "dns01ctl", *arguments], capture_output=True, text=True,
                          timeout=30, env={**os.environ, **(environment or {})},
                          cwd=folder or server.folder)


def by_socket(server, *arguments):
    return run(server, "--socket", server.state / "control.sock", *arguments)


def by_url(server, token, *arguments):
    return run(server, "--url", server.api_url, "--token-file", server.folder / f"token-{token}",
               *arguments)


def served(server, name):
    return texts(ask((server.address, server.dns_port), name))


def good(done):
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_present_list_trace_cleanup(controlled):
    name = f"_acme-challenge.a.{ZONE}"
    shown = good(by_socket(controlled, "present", name, DIGEST, "--lease", "10m"))
    assert shown.splitlines()[0].split() == ["NAME", "VALUE", "OWNER", "EXPIRES"]
    assert shown.splitlines()[1].split()[:3] == [name, DIGEST, "socket"]
    assert served(controlled, name) == {DIGEST.encode()}
    assert [name, DIGEST, "socket"] in [line.split()[:3] for line in
                                       good(by_socket(controlled, "list")).splitlines()]
    events = [line.split()[1] for line in good(by_socket(controlled, "trace", name)).splitlines()]
    assert events[:3] == ["presented", "committed", "live"]
    assert good(by_socket(controlled, "cleanup", name, DIGEST)) == "removed\n"
    assert served(controlled, name) == set()


def test_json_is_one_line(controlled):
    name = f"_acme-challenge.json.{ZONE}"
    for arguments, member in ((("present", name, "v"), "expires"), (("list",), "challenges"),
                              (("trace", name), "events"), (("cleanup", name, "v"), "value"),
                              (("reload",), "reloaded")):
        shown = good(by_socket(controlled, "--json", *arguments))
        assert shown.count("\n") == 1 and shown.endswith("\n")
        assert member in json.loads(shown)


def test_administrator_may_present_for_ever(controlled):
    name = f"_acme-challenge.ever.{ZONE}"
    reply = json.loads(good(by_socket(controlled, "--json", "present", name, "v", "--lease", "none")))
    assert reply["expires"] is None
    refused = by_url(controlled, "all", "present", name, "w", "--lease", "none")
    assert refused.returncode == 1
    assert served(controlled, name) == {b"v"}
    good(by_socket(controlled, "cleanup", name, "v"))


def test_over_http_with_a_token(controlled):
    name = f"x.{ZONE}"
    shown = good(by_url(controlled, "all", "present", name, "v"))
    assert shown.splitlines()[1].split()[:3] == [name, "v", "token:all"]
    assert served(controlled, name) == {b"v"}
    # Nobody else's value is removed, but an administrator can.
    assert good(by_url(controlled, "all", "cleanup", name, "another")) == "removed\n"
    assert served(controlled, name) == {b"v"}
    good(by_socket(controlled, "cleanup", name, "v"))
    assert served(controlled, name) == set()


@pytest.mark.parametrize(("token", "arguments", "code"), [
    ("reader", ("present", f"one.{ZONE}", "v"), "forbidden"),
    ("reader", ("trace", f"two.{ZONE}"), "forbidden"),
    ("all", ("present", "host.example.org", "v"), "forbidden"),
    ("all", ("reload",), "forbidden"),
    ("all", ("register",), "not-found"),
    ("all", ("present", f"x.{ZONE}", "v", "--lease", "31d"), "bad-lease"),
    ("all", ("present", "a..b", "v"), "bad-name"),
])
def test_refusals_name_their_code(controlled, token, arguments, code):
    done = by_url(controlled, token, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"dns01ctl: .*{code}\)?\n", done.stderr)


def test_wrong_token(controlled, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("no-such-secret-of-ours\n")
    done = run(controlled, "--url", controlled.api_url, "--token-file", path, "list")
    assert done.returncode == 1
    assert done.stderr == "dns01ctl: no valid credential was given (unauthorized)\n"


def test_register_although_closed(controlled):
    shown = good(by_socket(controlled, "register"))
    fields = dict(line.split() for line in shown.splitlines()[:4])
    assert re.fullmatch(UUID, fields["username"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{40}", fields["password"])
    assert fields["fulldomain"] == f"{fields['subdomain']}.{ZONE}"
    value = "v" * 43
    reply = controlled.request("POST", "/update", {"subdomain": fields["subdomain"], "txt": value},
                               headers={"X-Api-User": fields["username"],
                                        "X-Api-Key": fields["password"]})
    assert reply.status == 200
    assert served(controlled, fields["fulldomain"]) == {value.encode()}


def test_reload_tells_what_is_wrong(controlled):
    assert good(by_socket(controlled, "reload")) == "reloaded\n"
    kept = controlled.config_path.read_text()
    try:
        controlled.config_path.write_text("nonsense: true\n")
        done = by_socket(controlled, "reload")
        assert done.returncode == 1
        assert "nonsense" in done.stderr
    finally:
        controlled.config_path.write_text(kept)
    assert good(by_socket(controlled, "reload")) == "reloaded\n"


def test_follow(controlled):
    name = f"_acme-challenge.follow.{ZONE}"
    good(by_socket(controlled, "present", name, "one"))
    with subprocess.Popen([controlled.build / "dns01ctl", "--socket",
                           controlled.state / "control.sock", "trace", name, "--follow"],
                          stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent) as child:
        first = [child.stdout.readline().split()[1] for _ in range(3)]
        assert first == ["presented", "committed", "live"]
        good(by_socket(controlled, "cleanup", name, "one"))
        assert child.stdout.readline().split()[1] == "removed"
        child.terminate()


def test_default_socket(controlled, tmp_path):
    """$STATE_DIRECTORY, else ./dns01d-state."""
    shown = run(controlled, "list", environment={"STATE_DIRECTORY": str(controlled.state)})
    assert shown.returncode == 0
    (tmp_path / "dns01d-state").symlink_to(controlled.state)
    assert run(controlled, "list", folder=tmp_path).returncode == 0


def test_nobody_there(controlled, tmp_path):
    done = run(controlled, "--socket", tmp_path / "gone", "list")
    assert done.returncode == 1
    assert done.stderr == (f"dns01ctl: cannot reach dns01d at {tmp_path}/gone: No such file or "
                           "directory; is it running? --socket names another place\n")


def test_peer_that_speaks_no_json(controlled, tmp_path):
    path = str(tmp_path / "other")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        with subprocess.Popen([controlled.build / "dns01ctl", "--socket", path, "list"],
                              stderr=subprocess.PIPE, text=True) as child:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                assert child.wait(timeout=30) == 1
                assert child.stderr.read() == ("dns01ctl: the answer is no JSON object; is that the "
                                               "address of a dns01d?\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_other_users_are_no_administrators(controlled):
    """Even one who can reach the socket: the peer's user decides, not the file's mode."""
    path = controlled.state / "control.sock"
    folders = [controlled.folder, *controlled.folder.parents]
    before = {folder: folder.stat().st_mode & 0o7777
              for folder in [path, controlled.state, *folders]
              if folder.stat().st_mode & 0o001 == 0}

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)

    try:
        for folder, mode in before.items():
            folder.chmod(mode | (0o007 if folder == path else 0o001))
        script = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
                  "s.sendall(b'GET /v1/challenges HTTP/1.1\\r\\nHost: x\\r\\nConnection: close"
                  "\\r\\n\\r\\n'); print(s.makefile().read())")
        done = subprocess.run(["/usr/bin/python3", "-c", script, path], capture_output=True,
                              text=True, timeout=30, preexec_fn=become_nobody, cwd="/")
        assert done.stdout.startswith("HTTP/1.1 403 "), done.stderr
        assert '"error": "forbidden"' in done.stdout
    finally:
        for folder, mode in before.items():
            folder.chmod(mode)


def test_server_gone(tmp_path):
    made = Dns01d(tmp_path / "gone").start()
    path = made.state / "control.sock"
    assert run(made, "--socket", path, "list").returncode == 0
    made.kill()
    wait_until(lambda: run(made, "--socket", path, "list").returncode == 1, 10, "refusal")
    done = run(made, "--socket", path, "list")
    assert done.stderr == (f"dns01ctl: cannot reach dns01d at {path}: Connection refused; is it "
                           "running? --socket names another place\n")
    with made:
        assert run(made, "--socket", path, "list").returncode == 0
