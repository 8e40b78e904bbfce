"""Network namespaces that a test makes for itself: networks of its own, addresses as it likes.

Nothing of the machine is touched: a namespace has no name in /run/netns, it lives as long as the
process that holds it and the programs in it, and these end with the test (see program.py), even
one that is killed. Links between namespaces go away with either end.

Needs the rights of root. without_root() runs a test in a user namespace, where anyone is root.
"""

import contextlib
import ctypes
import os
import pathlib
import subprocess
import sys

import pytest

from program import Program, ProgramError

START_SECONDS = 10
CLONE_NEWNET = 0x40000000
INSIDE = "DNS01D_TEST_IN_USER_NAMESPACE"
UNSHARE = ["unshare", "--net", "--mount"]
_libc = ctypes.CDLL(None, use_errno=True)


def _set_network(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _try(command):
    """What it says when it fails, else nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or f"{command[0]} failed") if done.returncode != 0 else ""


def without_root(request, seconds=300):
    """True when the test has nothing left to do: it ran in a user namespace, as root there.

    Skips where the machine allows neither root nor user namespaces.
    """
    if os.geteuid() == 0:
        if not os.environ.get(INSIDE) and (why := _try([*UNSHARE, "true"])):
            pytest.skip(f"no network namespaces here: {why}")
        return False
    unshare = ["unshare", "--user", "--map-root-user", *UNSHARE[1:]]
    if why := _try([*unshare, "true"]):
        pytest.skip(f"neither root nor user namespaces here: {why}")
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    test = str(root / "tests") + "/" + request.node.nodeid
    done = subprocess.run(
        [*unshare, sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", test], cwd=root,
        env=dict(os.environ, **{INSIDE: "1"}), capture_output=True, text=True, timeout=seconds,
        check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return True


class Namespace:
    """One network and mount namespace. A context manager; its programs are to be stopped before."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._holder = None

    def __enter__(self):
        script = "ip link set lo up && echo held && exec sleep infinity"
        self._holder = Program(f"namespace-{self.name}", [*UNSHARE, "sh", "-c", script],
                               self.folder)
        try:
            self._holder.wait_line("^held$", START_SECONDS)
        except ProgramError:
            self._holder.stop()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self._holder.stop()

    def command(self, *command):
        """The command that runs `command` in this namespace."""
        return ["nsenter", f"--target={self._holder.pid}", "--net", "--mount", "--", *command]

    def run(self, *command):
        """Runs a short command in it; returns what it wrote."""
        done = subprocess.run(self.command(*map(str, command)), capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise ProgramError(f"{self.name}: {' '.join(map(str, command))}: {done.stderr.strip()}")
        return done.stdout

    @contextlib.contextmanager
    def entered(self):
        """The calling thread's network is this one: sockets, programs and threads it makes."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            inside = os.open(f"/proc/{self._holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                _set_network(inside)
            finally:
                os.close(inside)
            try:
                yield self
            finally:
                _set_network(before)
        finally:
            os.close(before)

    def link(self, other, device, addresses, other_addresses):
        """A cable from device of this namespace to device of the other; addresses with prefix."""
        self.run("ip", "link", "add", device, "type", "veth", "peer", "name", device, "netns",
                 other._holder.pid)
        for end, own in ((self, addresses), (other, other_addresses)):
            for address in own:
                # A new IPv6 address is not usable until it was asked whether another has it.
                end.run("ip", "address", "add", address, "dev", device,
                        *(["nodad"] if ":" in address else []))
            end.run("ip", "link", "set", device, "up")

    def route(self, destination, device):
        family = "-6" if ":" in destination else "-4"
        self.run("ip", family, "route", "add", destination, "dev", device)
