"""The servers that are measured: how each is started, known to be ready, and stopped."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess

from program import Program

READY_SECONDS_MAX = 120
STOP_SECONDS_MAX = 20
ADDRESS = "127.0.0.1"

# A floor is the least that can be: compiled for this machine (ours: the same, in meson.build).
FLOOR_FLAGS = ["-O3", "-march=native"]
FLOOR_LIBRARIES = ["-luv", "-luring", "-lpthread"]


class BenchError(Exception):
    """Something a person must see and mend; its text says what."""


def pinned(core, command):
    """The command, on that core only; None: where the kernel likes."""
    return command if core is None else ["taskset", "-c", str(core), *command]


class Server:
    """A program in one of its ways of working."""

    kind = ""
    threads = "*"  # The name pattern of its workers.
    ready_line = None  # None: it is silent, and there when the generator gets its first answer.

    def __init__(self, name, program, folder):
        self.name = name
        self.program = program
        self.folder = folder  # Where its log and state are.

    def command(self, zone, port):
        """What serves that zone file on ADDRESS and port."""
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self, zone, port, core):
        """It runs inside the `with`, is ready at its beginning, and is stopped at its end."""
        environment = {**os.environ, "FLOOR_BIND": ADDRESS}
        command = pinned(core, self.command(zone, port))
        process = Program(self.name, command, self.folder, environment)
        try:
            if self.ready_line is not None:
                process.wait_line(self.ready_line, READY_SECONDS_MAX)
            yield process
        finally:
            status = process.stop(STOP_SECONDS_MAX)
        if status not in (0, -signal.SIGTERM):
            raise BenchError(f"{self.name} ended with status {status}\n{process.tail()}")


class SharedFloor(Server):
    """The responder that FLOOR_C names: `floor PORT ZONEFILE MODE THREADS`."""

    kind = "shared floor"

    def __init__(self, mode, program, folder):
        super().__init__(f"shared-{mode}", program, folder)
        self.mode = mode

    def command(self, zone, port):
        return [self.program, str(port), zone, self.mode, "1"]


class OwnFloor(Server):
    """d1bench-floor."""

    kind = "floor"
    ready_line = r"^ready$"

    def __init__(self, mode, program, folder):
        super().__init__(f"floor-{mode}", program, folder)
        self.mode = mode

    def command(self, zone, port):
        return [self.program, f"{ADDRESS}:{port}", zone, self.mode]


class Dns01d(Server):
    """dns01d with one worker, the zone file as static records, and every other door closed."""

    kind = "dns01d"
    threads = "dns-*"
    ready_line = r"^\S+ \S+ ready(?: |$)"  # Time, level, event.

    def __init__(self, program, folder):
        super().__init__("dns01d", program, folder)

    def command(self, zone, port):
        configuration = {
            "log": {"level": "info", "format": "text"},
            "state-dir": str(self.folder / "dns01d-state"),
            "dns": {"listen": [f"{ADDRESS}:{port}"], "workers": 1,
                    "rate-limit": {"per-second": 0}},
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
        return [self.program, "-c", path]


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
