"""Programs that tests start: each in a process group of its own, ended with the test, by pid."""

import collections
import contextlib
import ctypes
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1
LINES_KEPT = 2000
_libc = ctypes.CDLL(None, use_errno=True)


class ProgramError(Exception):
    """A program did not start, ended early or ended badly; the text holds its last lines."""


def wait_until(condition, seconds, what, program=None):
    """Calls condition until it returns something true, which is returned.

    Each call is a real attempt (a query, a connection); the pause only keeps refused ones apart.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if program is not None:
            program.check_running()
        if time.monotonic() > deadline:
            tail = "\n" + program.tail() if program is not None else ""
            raise ProgramError(f"{what}: not within {seconds} s{tail}")
        time.sleep(0.02)


def free_address():
    """A loopback address that hardly anyone else uses at this moment."""
    return "127.{}.{}.{}".format(random.randint(64, 127), random.randint(0, 255),
                                 random.randint(1, 254))


def free_port(address):
    """A port of address that is free for UDP and TCP."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            stream.bind((address, 0))
            port = stream.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                try:
                    datagram.bind((address, port))
                except OSError:
                    continue
            return port
    raise ProgramError(f"no free port on {address}")


def end_with_parent():
    """In the child: get SIGTERM when the thread that started it is gone."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def signals_after():
    """SIGINT and SIGTERM take effect after the block. Python runs functions of its own at a fork and
    drops what is raised in them, so a KeyboardInterrupt of a handler would be lost there."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Handlers run in the main thread only.
        return
    arrived = []
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if callable(signal.getsignal(number)):
            before[number] = signal.signal(number, lambda number, _: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in arrived:
            signal.raise_signal(number)


class Program:
    """A running program; what it writes goes to a log file and is kept for wait_line."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        self._lines = collections.deque(maxlen=LINES_KEPT)
        self._news = threading.Condition()
        self._ended = False
        with signals_after():
            self._popen = subprocess.Popen(
                [str(part) for part in command], cwd=folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=end_with_parent)
        self._reader = threading.Thread(target=self._read, name=f"{name} output", daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def status(self):
        """Exit status (negative: ended by that signal), None while it runs."""
        return self._popen.poll()

    def _read(self):
        with self.log.open("ab", buffering=0) as log:
            for line in self._popen.stdout:
                log.write(line)
                with self._news:
                    self._lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def lines(self):
        """The last lines it wrote."""
        with self._news:
            return list(self._lines)

    def tail(self, count=15):
        return "\n".join(f"  {self.name}: {line}" for line in self.lines()[-count:])

    def wait_line(self, pattern, seconds):
        """Waits for a line that matches pattern (also one written before); returns the match."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self._lines:
                    found = expression.search(line)
                    if found:
                        return found
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    break
                self._news.wait(left)
        state = "it ended" if self._ended else f"not within {seconds} s"
        raise ProgramError(f"{self.name}: no line {pattern!r}: {state}\n{self.tail()}")

    def check_running(self):
        if self.status is not None:
            self._reader.join(2)
            raise ProgramError(f"{self.name} ended with status {self.status}\n{self.tail()}")

    def wait(self, seconds=None):
        """Waits for its end; returns the exit status, None when it still runs after `seconds`."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number):
        self._popen.send_signal(number)

    def kill(self):
        """Ends it at once, as a crash would (SIGKILL to the whole group)."""
        self._signal_group(signal.SIGKILL)
        self._popen.wait()
        self._reader.join(5)

    def stop(self, seconds=10):
        """Ends it with SIGTERM and returns its exit status; after `seconds` with SIGKILL."""
        if self.status is None:
            self._popen.terminate()
            self.wait(seconds)
        status = self.status
        self._signal_group(signal.SIGKILL)
        self._popen.wait()
        self._reader.join(5)
        return status

    def _signal_group(self, number):
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            pass
