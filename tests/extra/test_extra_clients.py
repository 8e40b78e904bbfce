"""node's acme-client, the current lego and Caddy get certificates from Pebble through dns01d."""

import pytest

import clientpage
from clients_extra import EVERY, Accounts, Caddy
from dnsask import ask, texts


@pytest.mark.parametrize("client", EVERY, ids=lambda client: client.name)
def test_name_and_wildcard(world, client):
    if why := client.unavailable():
        pytest.skip(why)
    if client.fault:
        raise client.fault
    status, output = client.finish()
    assert status == 0, output
    certificates = client.certificates()
    assert {name for _, domains in certificates for name in domains} == set(client.domains)
    for certificate, domains in certificates:
        world.verify(certificate, domains)
    presented = client.noted("presented")
    assert len(presented) >= 2
    served = texts(ask(world.dns01d_server, client.owner))
    if isinstance(client, Accounts):
        # This protocol knows no clean-up: leases end it.
        assert served == {value.encode() for value in presented}
    else:
        assert client.noted("removed") == presented
        assert served == set()
    orders = "two orders" if isinstance(client, Caddy) else "one order"
    clientpage.note(client.program, client.version, client.protocol, client.mode,
                    f"name and wildcard in {orders}")
