"""DNS over TCP with thousands of clients that take a connection and give nothing for it."""

import os
import pathlib
import resource
import selectors
import socket
import struct
import threading
import time

import dns.message
import dns.rcode
import pytest

from dns01d import Dns01d
from dnsask import ask
from program import wait_until

IDLE = 2000
DRIBBLING = 100
NEVER_READING = 800
GOOD_QUERIES = 300
# Our own bound on the good client's answers: those of a machine that does other work too.
ANSWER_SECONDS_MAX = 2.0
IDLE_SECONDS_MAX = 20  # 10 s of idleness, and a machine that does other work too.
SECONDS = 20
FILES_FEW = 64
CPU_SHARE_MAX = 0.2  # Of one processor, while nothing but saturation goes on.
REFUSED = 'dns01d_dns_dropped_total{transport="tcp",reason="limit"}'
NAME = "ns1.auth.example.test"
SANITIZED = os.environ.get("DNS01D_SANITIZER", "release") != "release"
# What is kept of answers and questions, in all connections; an idle one costs less than 1 KiB.
HELD_BYTES_MAX = 64 << 20  # D1_TCP_HELD_BYTES_MAX
RSS_GROWTH_MAX = (HELD_BYTES_MAX + (24 << 20)) * (4 if SANITIZED else 1)
# Octets of one answer: up to 256 KiB of them are kept for each who does not read.
LARGE_TEXTS = [f'"{letter * 240}"' for letter in "abcde"]


@pytest.fixture(autouse=True)
def many_files():
    """Clients need a file each, and the server inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * (IDLE + DRIBBLING + NEVER_READING):
        pytest.skip(f"only {hard} files are allowed here")
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def make(tmp_path):
    made = []

    def make_one(files=None):
        server = Dns01d(tmp_path / str(len(made)))
        server.config["zones"][0]["records"].append("large TXT " + " ".join(LARGE_TEXTS))
        if files is not None:
            server.wrapper = ["prlimit", f"--nofile={files}:{files}"]
        made.append(server)
        return server.start()

    yield make_one
    for server in made:
        server.stop()


@pytest.fixture
def connections():
    """connect(server, small): a connection that is closed after the test."""
    made = []

    def connect(server, small=False, port=None):
        stream = socket.socket()
        made.append(stream)
        if small:
            # What the kernel holds for us does not press the server.
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        stream.settimeout(SECONDS)
        stream.connect((server.address, port or server.dns_port))
        return stream

    yield connect
    for stream in made:
        stream.close()


def frame(identifier=1, name=NAME, kind="A"):
    packet = dns.message.make_query(name, kind, id=identifier).to_wire()
    return struct.pack(">H", len(packet)) + packet


def receive_frame(stream):
    (length,) = struct.unpack(">H", stream.recv(2, socket.MSG_WAITALL))
    return dns.message.from_wire(stream.recv(length, socket.MSG_WAITALL))


def rss(pid):
    text = pathlib.Path(f"/proc/{pid}/statm").read_text()
    return int(text.split()[1]) * resource.getpagesize()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metric(server, line):
    for text in server.metrics().splitlines():
        if text.startswith(line + " "):
            return int(text.rpartition(" ")[2])
    raise AssertionError(f"no metric {line}")


def is_closed(stream):
    """End of stream or a reset is there to be read."""
    stream.setblocking(False)
    try:
        while stream.recv(1 << 16):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def press_until_stalled(streams):
    """Sends questions on connections whose answers nobody reads, until no more can be sent."""
    many = b"".join(frame(i, "large.auth.example.test", "TXT") for i in range(400))
    sent = dict.fromkeys(streams, 0)
    until = time.monotonic() + SECONDS
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_WRITE)
        while ready := selector.select(0.3):
            assert time.monotonic() < until, "the server reads on though its answers are not read"
            for key, _ in ready:
                at = sent[key.fileobj]
                try:
                    sent[key.fileobj] = (at + key.fileobj.send(many[at:])) % len(many)
                except ConnectionError:
                    selector.unregister(key.fileobj)  # There was no room for its answers.


class Dribblers:
    """Sends each connection one octet of a question now and then, never the last one."""

    def __init__(self, streams):
        self.streams = streams
        self.octets = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._end.set()
        self._thread.join()

    def _run(self):
        for octet in frame()[:-1]:
            for stream in self.streams:
                try:
                    stream.send(bytes([octet]))
                    self.octets += 1
                except OSError:
                    pass  # The server has closed it: that is what is tested.
            if self._end.wait(0.1):
                return


def good_client(server, connect):
    """Asks over one connection, over new ones and over UDP; returns the slowest answer's time."""
    slowest = 0.0
    with connect(server) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(GOOD_QUERIES):
            started = time.monotonic()
            stream.sendall(frame(i))
            assert receive_frame(stream).id == i
            slowest = max(slowest, time.monotonic() - started)
    for i in range(GOOD_QUERIES):
        started = time.monotonic()
        reply = ask((server.address, server.dns_port), NAME, "A", tcp=i % 2 == 0,
                    seconds=ANSWER_SECONDS_MAX)
        assert reply.rcode() == dns.rcode.NOERROR and reply.answer
        slowest = max(slowest, time.monotonic() - started)
    return slowest


def test_a_good_client_among_idle_and_slow_ones(make, connections):
    server = make()
    pid = server.process.pid
    before = rss(pid)
    idle = [connections(server) for _ in range(IDLE)]
    dribbling = [connections(server) for _ in range(DRIBBLING)]
    deaf = [connections(server, small=True) for _ in range(NEVER_READING)]
    wait_until(lambda: metric(server, "dns01d_tcp_connections") == IDLE + DRIBBLING + NEVER_READING,
               SECONDS, "all connections")
    with Dribblers(dribbling) as dribblers:
        press_until_stalled(deaf)
        wait_until(lambda: metric(server, REFUSED) > 0, SECONDS, "limit of what is held")
        slowest = good_client(server, connections)
        assert dribblers.octets > DRIBBLING
    grown = rss(pid) - before
    assert slowest < ANSWER_SECONDS_MAX
    assert grown < RSS_GROWTH_MAX, f"{grown >> 20} MiB"
    assert metric(server, REFUSED) < NEVER_READING
    # Who never completes a question is idle, and so is who never takes an answer.
    wait_until(lambda: all(is_closed(stream) for stream in idle + dribbling), IDLE_SECONDS_MAX,
               "idle and dribbling connections closed")
    wait_until(lambda: metric(server, "dns01d_tcp_connections") == 0, IDLE_SECONDS_MAX,
               "connections that never read closed")
    assert ask((server.address, server.dns_port), NAME, "A", tcp=True).rcode() == dns.rcode.NOERROR


def used_in_a_second(server):
    """CPU seconds used in a second of UDP questions now and then; each is answered."""
    before = cpu_seconds(server.process.pid)
    until = time.monotonic() + 1
    while (left := until - time.monotonic()) > 0:
        reply = ask((server.address, server.dns_port), NAME, "A")
        assert reply.rcode() == dns.rcode.NOERROR
        time.sleep(min(0.1, max(left, 0)))  # The second must go by: it is what is measured.
    return cpu_seconds(server.process.pid) - before


def test_few_files_taken_by_dns_clients(make, connections):
    server = make(FILES_FEW)
    streams = []
    for i in range(4 * FILES_FEW):
        stream = connections(server)
        stream.sendall(frame(i))
        streams.append(stream)
        # The newest is served; the oldest idle one gave its descriptor.
        assert receive_frame(stream).id == i
    assert used_in_a_second(server) < CPU_SHARE_MAX
    assert is_closed(streams[0])
    assert not is_closed(streams[-1])


def test_few_files_taken_by_others(make, connections):
    """The API's idle clients hold every descriptor: there is none for DNS over TCP for a while."""
    server = make(FILES_FEW)
    pid = server.process.pid
    visitors = [connections(server, port=server.api_port) for _ in range(2 * FILES_FEW)]
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= FILES_FEW, SECONDS, "all files taken")
    waiting = [connections(server) for _ in range(8)]
    for i, stream in enumerate(waiting):
        stream.sendall(frame(i))
    assert len(os.listdir(f"/proc/{pid}/fd")) >= FILES_FEW - 1
    assert used_in_a_second(server) < CPU_SHARE_MAX
    for stream in visitors:
        stream.close()
    # Those who waited are served as soon as there is a descriptor.
    for i, stream in enumerate(waiting):
        assert receive_frame(stream).id == i
