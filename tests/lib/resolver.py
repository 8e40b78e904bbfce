"""A recursive resolver of a test's own: answers out of a table, over UDP on a loopback address."""

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from program import free_address

SOA = "ns.test. hostmaster.test. 1 3600 600 86400 0"


class UdpServer:
    """A thread that hands each datagram at a loopback address to `_take(packet, client)`. A context
    manager."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((free_address(), 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def server(self):
        """As in `resolver.servers`."""
        return "{}:{}".format(*self.socket.getsockname())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while True:
            packet, client = self.socket.recvfrom(4096)
            if packet == b"end":
                return
            self._take(packet, client)


class Resolver(UdpServer):
    """cnames: name -> target, without final dots. rcodes: name -> what it gives instead. Names that
    are in neither do not exist, unless they are in `empty`. `asked` are the names of all questions.
    A context manager; `silent`: it reads and says nothing.
    """

    def __init__(self, cnames=None, rcodes=None, empty=()):
        self.cnames = dict(cnames or {})
        self.rcodes = dict(rcodes or {})
        self.empty = set(empty)
        self.silent = False
        self.asked = []
        super().__init__()

    def _take(self, packet, client):
        query = dns.message.from_wire(packet)
        self.asked.append(query.question[0].name.to_text(omit_final_dot=True).lower())
        if not self.silent:
            self.socket.sendto(self._answer(query).to_wire(), client)

    def _answer(self, query):
        reply = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        if name in self.rcodes:
            reply.set_rcode(self.rcodes[name])
        elif name in self.cnames and question.rdtype == dns.rdatatype.CNAME:
            reply.answer.append(dns.rrset.from_text(question.name, 1, "IN", "CNAME",
                                                    self.cnames[name] + "."))
        else:
            reply.authority.append(dns.rrset.from_text("test.", 0, "IN", "SOA", SOA))
            if name not in self.cnames and name not in self.empty:
                reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
