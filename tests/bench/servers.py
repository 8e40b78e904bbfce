"""The servers that are measured: how each is started, known to be ready, and stopped."""

import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

READY_SECONDS_MAX = 120
STOP_SECONDS_MAX = 15
OUTPUT_LINES_KEPT = 20
ADDRESS = "127.0.0.1"

# A floor is the least that can be: compiled for this machine.
FLOOR_FLAGS = ["-O3", "-march=native"]
FLOOR_LIBRARIES = ["-luv", "-luring", "-lpthread"]


class BenchError(Exception):
    """Something a person must see and mend; its text says what."""


def free_port():
    """A port of ADDRESS on which neither UDP nor TCP is bound."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((ADDRESS, 0))
            port = udp.getsockname()[1]
            try:
                tcp.bind((ADDRESS, port))
            except OSError:
                continue
            return port


def pin(core):
    """What a child does before it becomes the program; None: it runs where the kernel likes."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


class Running:
    """A started server. Use with `with`: it is stopped by its own PID at the end."""

    def __init__(self, name, command, environment, core, is_ready):
        self.name = name
        self.is_ready = is_ready
        self.lines = collections.deque(maxlen=OUTPUT_LINES_KEPT)
        self.ready = False
        self.settled = threading.Event()  # It is ready, or its output has ended.
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=pin(core),
        )
        self.reader = threading.Thread(target=self.read_output, daemon=True)
        self.reader.start()

    def read_output(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if self.is_ready is not None and self.is_ready(line):
                self.ready = True
                self.settled.set()
        self.settled.set()

    def await_ready(self):
        if self.is_ready is None:
            return  # The generator waits for its first right answer anyway.
        if not self.settled.wait(READY_SECONDS_MAX):
            raise BenchError(f"{self.name} was not ready after {READY_SECONDS_MAX} s{self.output()}")
        if not self.ready:
            raise BenchError(f"{self.name} ended before it was ready{self.output()}")

    def output(self):
        return "".join(f"\n    {line}" for line in self.lines)

    def stop(self):
        """SIGTERM, and wait. Returns the exit status (negative: ended by that signal)."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BenchError(f"{self.name} did not stop within {STOP_SECONDS_MAX} s") from None
        finally:
            self.reader.join()
            self.process.stdout.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        status = self.stop()
        if kind is None and status not in (0, -signal.SIGTERM):
            raise BenchError(f"{self.name} ended with status {status}{self.output()}")


class Server:
    """A program in one of its ways of working; `threads` is the name pattern of its workers."""

    def __init__(self, name, kind, threads="*"):
        self.name = name
        self.kind = kind
        self.threads = threads

    def start(self, zone, port, core):
        """Start it on ADDRESS and port, with that zone file. Returns a Running."""
        raise NotImplementedError


class SharedFloor(Server):
    """The responder that FLOOR_C names: `floor PORT ZONEFILE MODE THREADS`, silent."""

    def __init__(self, mode, program):
        super().__init__(f"shared-{mode}", "shared floor")
        self.mode = mode
        self.program = program

    def start(self, zone, port, core):
        command = [str(self.program), str(port), str(zone), self.mode, "1"]
        return Running(self.name, command, {"FLOOR_BIND": ADDRESS}, core, None)


class OwnFloor(Server):
    """d1bench-floor, which says "ready" when its socket is bound."""

    def __init__(self, mode, program):
        super().__init__(f"floor-{mode}", "floor")
        self.mode = mode
        self.program = program

    def start(self, zone, port, core):
        command = [str(self.program), f"{ADDRESS}:{port}", str(zone), self.mode]
        return Running(self.name, command, {}, core, lambda line: line.strip() == "ready")


class Dns01d(Server):
    """dns01d with one worker, the zone file as static records, and every other door closed."""

    def __init__(self, program, folder):
        super().__init__("dns01d", "dns01d", threads="dns-*")
        self.program = program
        self.folder = folder

    def start(self, zone, port, core):
        state = self.folder / "dns01d-state"
        state.mkdir(mode=0o700, exist_ok=True)
        configuration = {
            "log": {"level": "info", "format": "text"},
            "state-dir": str(state),
            "dns": {"listen": [f"{ADDRESS}:{port}"], "workers": 1},
            "zones": [
                {
                    "name": "auth.example",
                    "nameservers": ["ns1.auth.example"],
                    "hostmaster": "hostmaster.example",
                    "file": str(zone),
                }
            ],
            "api": {"listen": []},
            "metrics": {"listen": []},
            "store": {"backend": "memory"},
        }
        path = self.folder / "dns01d.yaml"  # JSON is YAML.
        path.write_text(json.dumps(configuration, indent=2) + "\n", encoding="ascii")
        return Running(self.name, [str(self.program), "-c", str(path)], {}, core, self.says_ready)

    @staticmethod
    def says_ready(line):
        """A log line: time, level, event, fields."""
        return line.split()[2:3] == ["ready"]


def shared_floor_source(root):
    """The file that FLOOR_C names, whether it exists or not."""
    return root / pathlib.Path(os.environ.get("FLOOR_C", "../shared/tools/floor.c"))


def compile_shared_floor(source, folder):
    """Returns the program, or None where there is no such file."""
    if not source.is_file():
        return None
    program = folder / "shared-floor"
    command = ["cc", "-w", *FLOOR_FLAGS, "-o", str(program), str(source), *FLOOR_LIBRARIES]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BenchError(f"{' '.join(command)}\n{result.stderr}")
    return program
