"""lego gets a certificate for a name whose zone is at a provider, a PowerDNS: dns01d writes the value
there by its API, and answers lego when the zone's own server has it."""

import pytest

from dns01d import Dns01d
from powerdns import PowerDns
from world import World

ZONE = "cloud.test"


@pytest.fixture(scope="module")
def pdns(tmp_path_factory):
    with PowerDns(tmp_path_factory.mktemp("pdns"), (ZONE,)) as made:
        yield made


@pytest.fixture(scope="module")
def provider_world(tmp_path_factory, pdns):
    folder = tmp_path_factory.mktemp("provider-world")
    key_file = folder / "key"
    key_file.write_text(pdns.key + "\n")
    server = Dns01d(folder / "dns01d", {
        "providers": {"my-pdns": pdns.account(key_file)},
        "routes": [{"under": ZONE, "provider": "my-pdns"}],
    })
    server.token("cloud", "a-secret-of-the-names-in-the-cloud", names=[f"**.{ZONE}", ZONE])
    with World(folder, dns01d=server,
               stubs={f"{ZONE}.": (pdns.address, pdns.port)}) as made:
        yield made


def test_a_certificate_through_powerdns(provider_world, pdns):
    certificate, output = provider_world.issue(f"www.{ZONE}", user="cloud")
    assert certificate, output
    provider_world.verify(certificate, [f"www.{ZONE}"])
    assert pdns.all_values(ZONE) == {}


def test_a_name_and_its_wildcard(provider_world, pdns):
    """Two values at one name."""
    certificate, output = provider_world.issue(ZONE, f"*.{ZONE}", user="cloud")
    assert certificate, output
    provider_world.verify(certificate, [ZONE, f"*.{ZONE}"])
    assert pdns.all_values(ZONE) == {}
    kinds = [event["event"] for event in
             provider_world.dns01d.timeline(f"_acme-challenge.{ZONE}", "cloud")]
    assert kinds.count("presented") == 2 and "provider" in kinds and kinds.count("removed") == 2
