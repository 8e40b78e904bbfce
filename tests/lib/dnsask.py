"""Questions over real sockets, with dnspython."""

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype


def ask(server, name, kind="TXT", tcp=False, seconds=2.0, **options):
    """One query to (address, port); returns the reply message. options go to make_query."""
    query = dns.message.make_query(name, kind, **options)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, server[0], port=server[1], timeout=seconds)


def texts(message):
    """The TXT values of a reply's answer section, as a set of bytes."""
    return {b"".join(record.strings) for rrset in message.answer
            if rrset.rdtype == dns.rdatatype.TXT for record in rrset}


def answers(server, name, kind="SOA"):
    """True when the server gives a NOERROR answer now; for wait_until."""
    try:
        return ask(server, name, kind, seconds=0.5).rcode() == dns.rcode.NOERROR
    except (dns.exception.DNSException, OSError):
        return False
