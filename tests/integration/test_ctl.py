"""dns01ctl against the real server, over its socket and over HTTP."""

import json
import os
import stat
import subprocess

import pytest

from dns01d import Dns01d
from program import Program

ZONE = "auth.example.test"


@pytest.fixture
def ctl(server):
    """Runs dns01ctl over the control socket; returns the finished process."""

    def run(*arguments):
        return subprocess.run(
            [server.build / "dns01ctl", "--socket", server.state / "control.sock", *arguments],
            capture_output=True, text=True, timeout=30)

    return run


def test_present_list_cleanup(ctl, challenges):
    name = f"ctl.{ZONE}"
    done = ctl("present", name, "by hand")
    assert (done.returncode, done.stderr) == (0, "")
    assert challenges.ask(name).answer[0][0].strings == (b"by hand",)
    assert name in ctl("list").stdout
    listed = json.loads(ctl("--json", "list").stdout)["challenges"]
    mine, = [entry for entry in listed if entry["value"] == "by hand"]
    assert mine["owner"] == "socket"
    assert ctl("cleanup", name, "by hand").returncode == 0
    assert not challenges.ask(name).answer
    assert ctl("cleanup", name, "by hand").returncode == 0


def test_trace(ctl, challenges):
    name = f"trace.{ZONE}"
    challenges.present(name, "v")
    text = ctl("trace", name).stdout
    for word in ("presented", "committed", "live", "token:all"):
        assert word in text


def test_trace_follows(server, challenges):
    name = f"follow.{ZONE}"
    challenges.present(name, "v")
    command = [server.build / "dns01ctl", "--socket", server.state / "control.sock", "trace", name,
               "--follow"]
    program = Program("follow", command, server.folder)
    program.wait_line("presented", 10)
    challenges.cleanup(name, "v")
    program.wait_line("removed", 10)
    program.stop()


def test_register(ctl):
    account = json.loads(ctl("--json", "register").stdout)
    assert account["fulldomain"].endswith(ZONE)


def test_reload(ctl, server):
    assert ctl("reload").returncode == 0
    server.config["colour"] = "red"
    server.write_config()
    done = ctl("reload")
    del server.config["colour"]
    server.write_config()
    assert done.returncode == 1
    assert "colour" in done.stderr


def test_refused(ctl):
    done = ctl("present", "www.example.org", "v")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "not-served" in done.stderr or "neither served" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["dance"], ["present"], ["list", "--colour"]])
def test_usage(ctl, arguments):
    assert ctl(*arguments).returncode == 2


def test_no_server(tmp_path, server):
    done = subprocess.run([server.build / "dns01ctl", "--socket", tmp_path / "none.sock", "list"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "none.sock" in done.stderr


def test_over_http(server, challenges):
    token = server.folder / "token-all"
    command = [server.build / "dns01ctl", "--url", server.api_url, "--token-file", token]
    name = f"http.{ZONE}"
    subprocess.run([*command, "present", name, "v"], check=True, timeout=30)
    assert challenges.ask(name).answer
    subprocess.run([*command, "cleanup", name, "v"], check=True, timeout=30)
    assert not challenges.ask(name).answer


def test_socket_is_private(server):
    mode = (server.state / "control.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert mode & 0o077 == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_socket_refuses_other_users(tmp_path):
    """Even where the file's mode lets somebody in, the server asks the kernel who it is."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    socket_path = tmp_path / "open.sock"
    with Dns01d(tmp_path / "server", {"control-socket": str(socket_path)}) as server:
        socket_path.chmod(0o777)
        program = tmp_path / "dns01ctl"
        program.write_bytes((server.build / "dns01ctl").read_bytes())
        program.chmod(0o755)
        done = subprocess.run([program, "--socket", socket_path, "list"], capture_output=True,
                              text=True, timeout=30, user=65534, group=65534, extra_groups=[])
        assert done.returncode == 1, done.stdout
        own = subprocess.run([program, "--socket", socket_path, "list"], timeout=30)
        assert own.returncode == 0
