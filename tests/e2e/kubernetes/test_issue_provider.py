"""Names at a DNS provider: PowerDNS, with an account of the installation's, its key in a Secret."""

import pytest

from conftest import AT_PROVIDER
from kubeissue import acme_issuer, await_certificate, certificate, verify_secret, webhook_solver
from powerdns import PowerDns
from program import wait_until

GROUP = "acme.dns01d.dev"
ZONE, ADDRESS = AT_PROVIDER


@pytest.fixture(scope="module")
def provider(installed, reader, cluster, tmp_path_factory):
    """PowerDNS serves ZONE, and dns01d has the account `my-pdns` for it."""
    powerdns = PowerDns(tmp_path_factory.mktemp("powerdns"), (ZONE,), 53)
    powerdns.address, powerdns.api_port, powerdns.key = ADDRESS, 8081, "an-api-key-of-powerdns"
    with powerdns:
        reader.follow("Names at a DNS provider")
        wait_until(lambda: cluster.is_available(f"v1alpha1.{GROUP}"), 90, "dns01d with the account")
        wait_until(lambda: cluster.is_discovered(GROUP), 60, "dns01d after the upgrade")
        yield powerdns


def test_certificate_by_way_of_powerdns(provider, cluster, world, make_namespace, tmp_path):
    namespace = make_namespace("team-a")
    names = [f"host.{ZONE}", f"mail.{ZONE}"]
    cluster.apply(acme_issuer(world, "own", webhook_solver(GROUP, {"account": "my-pdns"}), namespace),
                  certificate("away", namespace, names, "own", "Issuer"))
    await_certificate(cluster, namespace, "away", 120)
    verify_secret(cluster, world, namespace, "away", names, tmp_path)
    wait_until(lambda: not provider.values(f"_acme-challenge.host.{ZONE}"), 60,
               "that the record is removed at the provider")
