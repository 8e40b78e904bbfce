"""The DNS door as a process sees it: threads, limits of files and memory, ports, the end."""

import os
import pathlib
import resource
import selectors
import socket
import struct
import subprocess
import time

import dns.message
import dns.rcode
import pytest

from dns01d import Dns01d
from dnsask import ask
from program import free_port, wait_until

SECONDS = 20
NAME = "ns1.auth.example.test"
RSS_GROWTH_MAX = 32 * 1024 * 1024
TAKEN_MAX = 4 * 1024 * 1024  # Of one connection: read by the server, or in the client's own buffers.


@pytest.fixture
def start(tmp_path):
    """start(config, host): a running dns01d, stopped in order at the end."""
    running = []

    def start_one(config=None, host=None):
        server = Dns01d(tmp_path / str(len(running)), config)
        if host is not None:
            server.dns_port = free_port(host)
            server.config["dns"]["listen"] = [f"{host}:{server.dns_port}"]
        running.append(server)
        return server.start()

    yield start_one
    for server in running:
        server.stop()


def query(identifier=1, name=NAME, kind="A"):
    message = dns.message.make_query(name, kind, id=identifier)
    return message.to_wire()


def frame(packet):
    return struct.pack(">H", len(packet)) + packet


def connect(server):
    stream = socket.create_connection((server.address, server.dns_port), SECONDS)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def receive_frames(stream):
    """All answers until the end of the stream."""
    octets = b""
    while received := stream.recv(1 << 16):
        octets += received
    while octets:
        (length,) = struct.unpack(">H", octets[:2])
        assert len(octets) >= 2 + length, "the last answer was cut"
        yield dns.message.from_wire(octets[2:2 + length])
        octets = octets[2 + length:]


def rss(pid):
    text = pathlib.Path(f"/proc/{pid}/statm").read_text()
    return int(text.split()[1]) * resource.getpagesize()


def thread_names(pid):
    return {path.read_text().strip() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/comm")}


def cpu_seconds(pid):
    return cpu_ticks(pid) / os.sysconf("SC_CLK_TCK")


def cpu_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def is_asleep(pid):
    """Whether every thread waits for something, none for a processor."""
    states = [path.read_text().rpartition(")")[2].split()[0]
              for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(state == "S" for state in states)


def kernel_holds_at_most():
    """Octets of questions and answers of one connection in the kernel's buffers on both sides."""
    folder = pathlib.Path("/proc/sys/net/ipv4")
    return sum(int((folder / name).read_text().split()[2]) for name in ("tcp_rmem", "tcp_wmem"))


def metric(server, line):
    for text in server.metrics().splitlines():
        if text.startswith(line + " "):
            return int(text.rpartition(" ")[2])
    raise AssertionError(f"no metric {line}")


def test_a_thread_and_answers_for_each_worker(start):
    server = start({"dns": {"workers": 3}})
    # Ready is when one of them has answered; each names itself as it starts.
    wait_until(lambda: {"dns-0", "dns-1", "dns-2"} <= thread_names(server.process.pid), SECONDS,
               "three workers")
    for _ in range(50):
        for tcp in (False, True):
            reply = ask((server.address, server.dns_port), NAME, "A", tcp=tcp)
            assert reply.rcode() == dns.rcode.NOERROR
    for transport in ("udp", "tcp"):
        line = f'dns01d_dns_responses_total{{transport="{transport}",rcode="NOERROR"}}'
        wait_until(lambda line=line: metric(server, line) >= 50, SECONDS, line)


def test_queries_in_one_segment_then_half_close(start):
    server = start()
    with connect(server) as stream:
        stream.sendall(b"".join(frame(query(i)) for i in range(500)))
        stream.shutdown(socket.SHUT_WR)
        assert [reply.id for reply in receive_frames(stream)] == list(range(500))


def test_clients_that_never_read_take_bounded_memory(start):
    server = start()
    before = rss(server.process.pid)
    streams = []
    with selectors.DefaultSelector() as selector:
        for _ in range(20):
            stream = socket.socket()
            # Small ones here: what the kernel holds for us does not press the server.
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            stream.connect((server.address, server.dns_port))
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_WRITE)
            streams.append(stream)
        many = b"".join(frame(query(i, "no-such-name.auth.example.test")) for i in range(1000))
        sent = {stream.fileno(): 0 for stream in streams}
        most = kernel_holds_at_most() + TAKEN_MAX
        stalled = False
        while not stalled:
            busy = cpu_ticks(server.process.pid)
            ready = selector.select(0.5)
            for key, _ in ready:
                at = sent[key.fd] % len(many)
                sent[key.fd] += key.fileobj.send(many[at:])
                assert sent[key.fd] < most, "the server reads on though its answers are not read"
            # Nothing can be written, and not because the server had no processor to read with.
            stalled = not ready and is_asleep(server.process.pid) and \
                cpu_ticks(server.process.pid) == busy
    reply = ask((server.address, server.dns_port), NAME, "A")
    assert reply.rcode() == dns.rcode.NOERROR
    assert rss(server.process.pid) - before < RSS_GROWTH_MAX
    for stream in streams:
        stream.close()
    wait_until(lambda: metric(server, "dns01d_tcp_connections") == 0, SECONDS, "all closed")


def test_few_files_and_many_connections(start):
    server = start()
    pid = server.process.pid
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 8, 4096))
    streams = []
    for i in range(200):
        stream = connect(server)
        stream.sendall(frame(query(i)))
        # The newest is answered; to make room the one idle for longest was closed.
        (length,) = struct.unpack(">H", stream.recv(2, socket.MSG_WAITALL))
        assert dns.message.from_wire(stream.recv(length, socket.MSG_WAITALL)).id == i
        streams.append(stream)
    assert ask((server.address, server.dns_port), NAME, "A").rcode() == dns.rcode.NOERROR
    before = cpu_seconds(pid)
    started = time.monotonic()
    assert streams[0].recv(1) == b""  # Closed long ago.
    streams[-1].settimeout(1)
    with pytest.raises(socket.timeout):
        streams[-1].recv(1)  # Open: a second goes by.
    assert time.monotonic() - started >= 1
    assert cpu_seconds(pid) - before < 0.3
    for stream in streams:
        stream.close()


def test_sigterm_answers_what_was_asked(start):
    server = start()
    silent = connect(server)
    with connect(server) as stream:
        stream.sendall(b"".join(frame(query(i)) for i in range(300)))
        server.stop()  # Exit status 0, or it raises.
        assert [reply.id for reply in receive_frames(stream)] == list(range(300))
    assert silent.recv(1) == b""
    silent.close()


def test_port_in_use(start, tmp_path):
    first = start()
    second = Dns01d(tmp_path / "second", address=first.address)
    second.config["dns"]["listen"] = [f"{first.address}:{first.dns_port}"]
    second.write_config()
    done = subprocess.run([second.build / "dns01d", "-c", second.config_path],
                          capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 1
    output = done.stdout + done.stderr
    assert f"{first.address}:{first.dns_port}: address already in use" in output
    assert ask((first.address, first.dns_port), NAME, "A").rcode() == dns.rcode.NOERROR


def test_wildcard_answers_from_the_address_asked(start):
    server = start(host="0.0.0.0")
    for address in ("127.0.0.1", server.address, "127.120.7.9"):
        for tcp in (False, True):
            # dnspython takes a datagram only from the address it asked.
            reply = ask((address, server.dns_port), NAME, "A", tcp=tcp)
            assert reply.rcode() == dns.rcode.NOERROR
