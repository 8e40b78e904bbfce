"""Asks one server many queries over raw sockets: datagrams in batches, TCP pipelined."""

import socket
import struct
import time

BATCH = 48
ROUND_SECONDS = 0.7
ROUNDS = 3
RECEIVE_BYTES = 4 << 20


class Asker:
    """The sockets towards one server, which has `name`, `server` and check_running()."""

    def __init__(self, server):
        self.server = server
        self.name = server.name
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        self.datagrams.connect(server.server)
        self.stream = None
        self.serial = 0

    def close(self):
        self.datagrams.close()
        self.hang_up()

    def hang_up(self):
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def number(self, queries):
        """Gives each query an ID; returns ID -> (index, message)."""
        packets = {}
        for index, query in queries:
            self.serial = self.serial + 1 & 0xFFFF
            packets[self.serial] = index, struct.pack("!H", self.serial) + query.wire[2:]
        return packets

    # UDP: start() for every server, then finish() for every server, so that they work side by side.

    def start(self, queries):
        """Sends (index, query) pairs, at most BATCH of them."""
        self.waiting = self.number(queries)
        self.send_waiting()

    def send_waiting(self):
        try:
            for _, packet in self.waiting.values():
                self.datagrams.send(packet)
        except ConnectionRefusedError:
            self.server.check_running()

    def finish(self, results):
        """Fills results[index] with answers; those that did not come are missing."""
        for _ in range(ROUNDS):
            deadline = time.monotonic() + ROUND_SECONDS
            self.receive(results, deadline)
            if not self.waiting:
                return
            self.server.check_running()
            self.send_waiting()
        self.receive(results, time.monotonic() + ROUND_SECONDS)

    def receive(self, results, deadline):
        while self.waiting:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self.datagrams.settimeout(left)
            try:
                wire = self.datagrams.recv(65535)
            except TimeoutError:
                return
            except ConnectionRefusedError:
                self.server.check_running()
                continue
            found = self.waiting.pop(wire[0] << 8 | wire[1], None) if len(wire) > 1 else None
            if found is not None:
                results[found[0]] = wire

    # TCP.

    def ask_stream(self, queries, results):
        """Pipelines (index, query) pairs on one connection, opened again where it was closed."""
        for start in range(0, len(queries), BATCH):
            waiting = self.number(queries[start:start + BATCH])
            for _ in range(ROUNDS):
                try:
                    self.pipeline(waiting, results)
                except OSError:
                    self.hang_up()
                if not waiting:
                    break
                self.server.check_running()

    def pipeline(self, waiting, results):
        if self.stream is None:
            self.stream = socket.create_connection(self.server.server, timeout=2)
            self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream.sendall(b"".join(struct.pack("!H", len(packet)) + packet
                                     for _, packet in waiting.values()))
        held = bytearray()
        while waiting:
            part = self.stream.recv(262144)
            if not part:
                raise ConnectionResetError
            held += part
            while len(held) >= 2 and len(held) >= 2 + (held[0] << 8 | held[1]):
                end = 2 + (held[0] << 8 | held[1])
                wire = bytes(held[2:end])
                del held[:end]
                found = waiting.pop(wire[0] << 8 | wire[1], None) if len(wire) > 1 else None
                if found is not None:
                    results[found[0]] = wire


def ask_all(askers, queries):
    """Asks every server every query; returns for each server index -> answer.

    Where any server truncates an answer, all are asked again over TCP; those answers are the second
    of the two dictionaries for each server.
    """
    first = [{} for _ in askers]
    second = [{} for _ in askers]
    datagrams = [(index, query) for index, query in enumerate(queries) if not query.tcp]
    streams = [(index, query) for index, query in enumerate(queries) if query.tcp]
    for start in range(0, len(datagrams), BATCH):
        batch = datagrams[start:start + BATCH]
        for asker in askers:
            asker.start(batch)
        for asker, results in zip(askers, first):
            asker.finish(results)
    again = [(index, query) for index, query in datagrams
             if any(index in results and results[index][2] & 2 for results in first)]
    for asker, results, full in zip(askers, first, second):
        asker.ask_stream(streams, results)
        asker.ask_stream(again, full)
    return first, second
