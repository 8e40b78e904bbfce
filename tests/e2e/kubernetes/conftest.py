"""A control plane, cert-manager and a small internet, in a network namespace of their own.

Only `./dev e2e kubernetes` makes that namespace; elsewhere nothing here is collected.
"""

import pathlib

import pytest

import kubecluster
from kubecluster import Cluster
from kubelet import LOAD_BALANCER, Kubelet
from program import wait_until
from world import World

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
# The zone that dns01d serves in the cluster, as docs/kubernetes.md has it, and names delegated to it.
ZONE = "acme.example.test"
DELEGATED = ("", ".www", ".shop", ".a", ".b", ".legacy")
RECORDS = [f"ns1.acme A {LOAD_BALANCER}", "acme NS ns1.acme.example.test.",
           *(f"_acme-challenge{name} NS ns1.acme.example.test." for name in DELEGATED)]

collect_ignore_glob = [] if kubecluster.in_own_network() else ["test_*.py"]


@pytest.fixture(scope="session")
def network():
    kubecluster.enter_network()


@pytest.fixture(scope="session")
def world(network, tmp_path_factory):
    """Parent zones, resolver and certificate authority; and a dns01d outside the cluster."""
    made = World(tmp_path_factory.mktemp("world"), records=RECORDS,
                 delegated={"mail.example.test": "x8.auth.example.test"})
    with made as running:
        yield running


@pytest.fixture(scope="session")
def cluster(network, world, tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        running.start_cert_manager(world.unbound)
        yield running


@pytest.fixture(scope="session")
def kubelet(cluster):
    with Kubelet(cluster) as running:
        yield running


@pytest.fixture
def namespace(cluster, request):
    """A namespace for one test; deleted afterwards, and gone when the next begins."""
    name = request.node.name.replace("_", "-").removeprefix("test-")[:40].strip("-")
    cluster.make_namespace(name)
    yield name
    cluster.api.delete(f"/api/v1/namespaces/{name}")
    wait_until(lambda: cluster.api.get(f"/api/v1/namespaces/{name}") is None, 60,
               f"the end of namespace {name}")
