"""The descriptor engine without the provider process: a test is the host and the vendor.

    engine = DryRun("cloudflare", {"base-url": "http://127.0.0.1:8080", "api-token": "t"})
    job = engine.job("present", "_acme-challenge.example.org", "value", send)
    job.run()                       # Finished(kind="done") or the reason

`send(request)` gets a Request and returns a Reply; None is a lost reply (`Reply.lost()` says more).
over_http() is a `send` that really asks.
"""

import dataclasses
import http.client
import json
import pathlib
import subprocess
import urllib.parse

STEPS_MAX = 200


@dataclasses.dataclass
class Request:
    step: str
    method: str
    url: str
    headers: list
    body: str
    writes: bool

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def path(self):
        """Path and query."""
        parts = urllib.parse.urlsplit(self.url)
        return parts.path + ("?" + parts.query if parts.query else "")

    @property
    def query(self):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.url).query,
                                     keep_blank_values=True)

    def json(self):
        return json.loads(self.body)


@dataclasses.dataclass
class Reply:
    status: int
    body: str = ""
    headers: tuple = ()
    error: str = None
    uncertain: bool = False

    @classmethod
    def json(cls, value, status=200, headers=()):
        return cls(status, json.dumps(value), (("content-type", "application/json"), *headers))

    @classmethod
    def lost(cls, error="the connection was reset"):
        return cls(-1, error=error, uncertain=True)


@dataclasses.dataclass
class Finished:
    kind: str  # "done", or the kind of failure
    step: str
    text: str

    @property
    def done(self):
        return self.kind == "done"


class Refused(Exception):
    """The account cannot be opened."""


class DryRun:
    def __init__(self, descriptor, settings=None, program=None, stderr=None):
        program = program or default_program()
        arguments = [f"{name}={value}" for name, value in (settings or {}).items()]
        self.process = subprocess.Popen([str(program), str(descriptor), *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=stderr)
        self.jobs = 0
        self.account = self.read()
        if "error" in self.account:
            self.close()
            raise Refused(self.account["error"])

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"engine-dry-run ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, **line):
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.read()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def job(self, verb, fqdn, value, send, **asked):
        """`asked`: zone, ttl, and `find_zone(name)` for types that need public DNS."""
        self.jobs = (self.jobs + 1) % 1024
        return Job(self, self.jobs, send, dict(verb=verb, fqdn=fqdn, value=value, **asked))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Job:
    """One job, run to its end, or step by step."""

    def __init__(self, engine, number, send, asked):
        self.engine = engine
        self.number = number
        self.send = send
        self.find_zone = asked.pop("find_zone", None)
        self.retries_max = asked.pop("retries_max", 5)
        self.action = engine.ask(begin=number, **asked)
        self.requests = []
        self.waited_ms = 0
        self.retries = []
        self.locks = []

    def run(self):
        for _ in range(STEPS_MAX):
            finished = self.step()
            if finished is not None:
                return finished
        raise RuntimeError("the job has no end")

    def step(self):
        """What the host does for one action. Returns Finished at the end."""
        action = self.action
        kind = action["action"]
        if kind == "done":
            return Finished("done", action["step"], "")
        if kind == "fail":
            return Finished(action["kind"], action["step"], action["text"])
        if kind == "retry" and len(self.retries) == self.retries_max:
            self.engine.ask(end=self.number)
            return Finished("busy", action["step"], action["text"])
        self.action = self.engine.ask(job=self.number, **getattr(self, "do_" + kind)(action))
        return None

    def do_http(self, action):
        request = Request(action["step"], action["method"], action["url"], action["headers"],
                          action["body"] or "", action["writes"])
        self.requests.append(request)
        reply = self.send(request) or Reply.lost()
        line = dict(reply="http", status=reply.status, body=reply.body,
                    headers=[[name.lower(), value] for name, value in reply.headers],
                    uncertain=reply.uncertain)
        return line if reply.error is None else dict(line, error=reply.error)

    def do_wait(self, action):
        self.waited_ms += action["ms"]
        return dict(reply="waited")

    def do_lock(self, action):
        self.locks.append(action["key"])
        return dict(reply="locked")

    def do_retry(self, action):
        self.retries.append(action)
        self.waited_ms += action["after_ms"]
        return dict(reply="again")

    def do_zone(self, action):
        zone = self.find_zone(action["name"]) if self.find_zone else None
        if zone is None:
            return dict(reply="zone", status=-1, error="public DNS knows no zone of this name")
        return dict(reply="zone", body=zone)


def over_http(request, timeout=10):
    """Send a request to a server of the test; a broken connection is a lost reply."""
    url = urllib.parse.urlsplit(request.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    try:
        body = request.body.encode() if request.body else None
        connection.request(request.method, request.path, body, dict(request.headers))
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return Reply(answer.status, text, tuple(answer.getheaders()))
    except (OSError, http.client.HTTPException) as error:
        return Reply.lost(type(error).__name__)
    finally:
        connection.close()


def default_program():
    root = pathlib.Path(__file__).resolve().parents[2]
    for build in ("build", "build-asan", "build-tsan"):
        program = root / build / "tests/lib/engine-dry-run"
        if program.exists():
            return program
    raise FileNotFoundError("tests/lib/engine-dry-run is not built")
