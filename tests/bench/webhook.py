"""Benchmark `webhook`: Present through the cert-manager webhook, asked as kube-apiserver asks.

The subject and its peer, a solver made with cert-manager's own Go library that keeps values in memory,
run in the same fake cluster (tests/lib/fake_kubernetes.py) with the same certificates. What counts is
the processor time that one call costs the server; the clients are slow and ask as fast as they can.
dns01d's Present is durable and answered by DNS when it returns, the peer's is neither; dns01d with its
values in memory is what compares with the peer, and how much durability costs stands beside it. The
peer is
built with `go build` in tests/bench/webhook_peer and named by --peer; without it dns01d is measured
alone.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import tempfile
import threading
import time

from dns01d import Dns01d
from fake_kubernetes import CERT_MANAGER, Cluster
from program import Program, free_address, free_port, wait_until
from servers import BenchError
from udp import positive

TITLE = "Present through the cert-manager webhook, beside cert-manager's Go library"
PATH = "/apis/acme.dns01d.dev/v1alpha1/dns01d"
DURABLE, IN_MEMORY = "dns01d", "dns01d, store in memory"
SECONDS_MAX = 60
CPU_SHARE_WANTED = 0.2
RSS_WANTED_MIB = 15
READY_WANTED_MS = 100


def parse(arguments):
    parser = argparse.ArgumentParser(prog="dev bench webhook", description=TITLE)
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument("--calls", type=positive(int), default=1000, help="of each connection")
    parser.add_argument("--connections", type=positive(int), default=4)
    parser.add_argument("--peer", type=pathlib.Path, help="the peer's program")
    return parser.parse_args(arguments)


class Ours:
    def __init__(self, name, folder, cluster, build, backend):
        self.name = name
        self.server = Dns01d(folder, {"store": {"backend": backend}}, build=build)
        self.address, self.port = self.server.address, free_port(self.server.address)
        self.server.config["webhook"] = cluster.settings(f"{self.address}:{self.port}")

    def start(self):
        self.server.start()
        return self.server.process.pid

    def stop(self):
        self.server.stop()


class Peer:
    name = "cert-manager's Go library"

    def __init__(self, folder, cluster, program):
        self.address = free_address()
        self.port = free_port(self.address)
        self.folder = folder
        self.command = [
            program, f"--bind-address={self.address}", f"--secure-port={self.port}",
            f"--tls-cert-file={cluster.serving[0]}", f"--tls-private-key-file={cluster.serving[1]}",
            *(f"--{what}kubeconfig={cluster.api.kubeconfig}"
              for what in ("", "authentication-", "authorization-"))]
        self.process = None

    def start(self):
        self.folder.mkdir()
        self.process = Program("peer", self.command, self.folder, dict(os.environ))
        return self.process.pid

    def stop(self):
        self.process.stop()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise BenchError(f"process {pid} has no VmRSS")


def body_of(key):
    """Small and constant names: that of a value that comes again is all the memory there is."""
    return json.dumps({"request": {
        "uid": "", "action": "Present", "type": "dns-01", "dnsName": "example.test", "key": key,
        "resourceNamespace": "cert-manager",
        "resolvedFQDN": "_acme-challenge.www.auth.example.test.",
        "resolvedZone": "auth.example.test.", "allowAmbientCredentials": True, "config": {}}})


def ask(aggregator, number, calls, failures):
    headers = {"Content-Type": "application/json", "X-Remote-User": CERT_MANAGER,
               "X-Remote-Group": "system:serviceaccounts"}
    connection = aggregator.connect()
    try:
        for call in range(calls):
            connection.request("POST", PATH, body_of(f"key-{number}-{call % 4}"), headers)
            response = connection.getresponse()
            reply = json.loads(response.read())
            if response.status != 201 or reply["response"]["success"] is not True:
                failures.append(reply)
                return
    finally:
        connection.close()


def run_round(aggregator, pid, options):
    """Microseconds of processor time per call, and calls per second."""
    failures = []
    threads = [threading.Thread(target=ask, args=(aggregator, n, options.calls, failures))
               for n in range(options.connections)]
    before, started = cpu_seconds(pid), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, used = time.monotonic() - started, cpu_seconds(pid) - before
    if failures:
        raise BenchError(f"a call failed: {failures[0]}")
    calls = options.calls * options.connections
    return {"cpu_us": used / calls * 1e6, "per_second": calls / took}


def is_ready(aggregator):
    try:
        status, _headers, _text = aggregator.get(PATH.rsplit("/", 1)[0])
        return status == 200 and aggregator.get("/readyz")[0] == 200
    except OSError:
        return False


def measure(subject, cluster, options):
    started = time.monotonic()
    pid = subject.start()
    try:
        aggregator = cluster.aggregator(subject.address, subject.port)
        wait_until(lambda: is_ready(aggregator), SECONDS_MAX, f"{subject.name} is not ready")
        ready_ms = (time.monotonic() - started) * 1000
        run_round(aggregator, pid, options)  # Warm.
        rounds = [run_round(aggregator, pid, options) for _ in range(options.rounds)]
        return {"ready_ms": ready_ms, "rss_mib": rss_mib(pid),
                "cpu_us": statistics.median(run["cpu_us"] for run in rounds),
                "per_second": statistics.median(run["per_second"] for run in rounds),
                "rounds": rounds}
    finally:
        subject.stop()


def run(arguments, root, build):
    options = parse(arguments)
    results = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        (folder / "cluster").mkdir()
        cluster = Cluster(folder / "cluster")
        stack.callback(cluster.api.close)
        subjects = [Ours(DURABLE, folder / "durable", cluster, build, "sqlite"),
                    Ours(IN_MEMORY, folder / "memory", cluster, build, "memory")]
        if options.peer is not None:
            subjects.append(Peer(folder / "peer", cluster, options.peer))
        for subject in subjects:
            results[subject.name] = measure(subject, cluster, options)
    for subject, row in results.items():
        print(f"{subject:28} {row['cpu_us']:8.0f} us of CPU per call, {row['rss_mib']:6.1f} MiB, "
              f"ready after {row['ready_ms']:5.0f} ms, {row['per_second']:6.0f} calls/s")
    made = goals(results)
    for goal, reached in made.items():
        print(f"{goal}: {'reached' if reached else 'NOT reached'}")
    return {"subjects": results, "goals": made}, all(made.values())


def goals(results):
    ours, peer = results[DURABLE], results.get(Peer.name)
    made = {"rss": ours["rss_mib"] <= RSS_WANTED_MIB, "ready": ours["ready_ms"] <= READY_WANTED_MS}
    if peer is not None:
        share = results[IN_MEMORY]["cpu_us"] / peer["cpu_us"]
        print(f"{share:.2f} of the peer's CPU in memory, {ours['cpu_us'] / peer['cpu_us']:.2f} with "
              "a durable write in each call")
        made["cpu"] = share <= CPU_SHARE_WANTED
    return made
