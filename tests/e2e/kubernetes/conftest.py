"""A control plane, cert-manager and a small internet, in a network namespace of their own, and dns01d
installed there as docs/kubernetes.md says.

Only `./dev e2e kubernetes` makes that namespace; elsewhere nothing here is collected.
"""

import base64
import pathlib
import re

import pytest

import kubecluster
from guide import Guide
from kubecluster import Cluster
from kubelet import Kubelet
from program import ProgramError, wait_until
from world import World

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
PAGE = ROOT / "docs/kubernetes.md"
DOMAIN = {"example.org": "example.test"}
# A zone at another host, where test_issue_provider.py runs PowerDNS as the page has it.
AT_PROVIDER = ("away.example.test", "127.53.0.54")
ACCOUNTS = "config:\n  providers:\n"
AUTHORITY = "server: https://acme-v02.api.letsencrypt.org/directory"

collect_ignore_glob = [] if kubecluster.in_own_network() else ["test_*.py"]


SHOWN = pytest.StashKey()


def pytest_configure(config):
    config.stash[SHOWN] = {}


def pytest_terminal_summary(terminalreporter, config):
    """What show() was given ends the log of the run, each under a title."""
    for title, text in sorted(config.stash[SHOWN].items()):
        terminalreporter.section(title)
        terminalreporter.write_line(text)


@pytest.fixture
def show(request):
    """show(title, text) puts a text into the summary of the run."""
    return request.config.stash[SHOWN].__setitem__


@pytest.fixture(scope="session")
def network():
    kubecluster.enter_network()


@pytest.fixture(scope="session")
def world(network, tmp_path_factory):
    """Parent zones, resolver and certificate authority; and a dns01d outside the cluster. The zone
    example.test delegates what the page tells its reader to delegate."""
    zone, address = AT_PROVIDER
    records = [*Guide(PAGE, DOMAIN).blocks("Delegate", "zone")[0],
               f"{zone}. NS ns1.{zone}.", f"ns1.{zone}. A {address}"]
    made = World(tmp_path_factory.mktemp("world"), records=records,
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


class Reader:
    """Does what the page says, section by section."""

    def __init__(self, guide, cluster, folder):
        self.guide, self.cluster, self.folder = guide, cluster, folder
        (folder / "charts").symlink_to(ROOT / "charts")

    def follow(self, section):
        """Writes the files and runs the commands of a section; returns what the commands wrote."""
        outputs = []
        for step, what, text in self.guide.steps(section):
            if step == "file":
                (self.folder / what).write_text(text)
            else:
                output = self.cluster.run("bash", "-euo", "pipefail", "-c", what, seconds=180,
                                          folder=self.folder)
                print(f"$ {what}\n{output}", flush=True)
                outputs.append(output)
        return outputs

    def helm_upgrade(self, *options):
        """The page's upgrade with more values."""
        self.cluster.helm("upgrade", "dns01d", "charts/dns01d", "--namespace", "dns01d", "--values",
                          "values.yaml", *options, folder=self.folder)
        self.cluster.kubectl("--namespace", "dns01d", "rollout", "status", "deployment/dns01d",
                             "--timeout=2m")


@pytest.fixture(scope="session")
def reader(world, cluster, kubelet, tmp_path_factory):
    """Before the first command."""
    bundle = base64.b64encode(world.pebble_certificate.read_bytes()).decode()
    guide = Guide(PAGE, {
        # A pod has a resolver in its /etc/resolv.conf.
        ACCOUNTS: ACCOUNTS.replace("config:", "config:\n  resolver: {{servers: ['{}:{}']}}".format(
            *world.unbound)),
        AUTHORITY: "server: https://{}:{}/dir\n    caBundle: {}".format(*world.pebble, bundle),
        "192.0.2.54": AT_PROVIDER[1], **DOMAIN})
    return Reader(guide, cluster, tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="session")
def installed(reader, cluster, kubelet):
    """dns01d runs in the cluster and kube-apiserver reaches it. Gives the section's output."""
    try:
        output = reader.follow("Install")
    except ProgramError as error:
        seen = cluster.kubectl("describe", "apiservice", "v1alpha1.acme.dns01d.dev", check=False)
        pods = "\n".join(pod.process.tail() for pod in kubelet.pods.values())
        raise ProgramError(f"{error}\n{seen.stdout}\n{pods}") from error
    wait_until(lambda: cluster.is_discovered("acme.dns01d.dev"), 60, "the discovery of dns01d")
    return output


@pytest.fixture(scope="session")
def issuer(installed, reader):
    """The page's ClusterIssuer is ready and has issued; gives the output of that section."""
    return reader.follow("First certificate")


@pytest.fixture
def make_namespace(cluster):
    """Makes namespaces that end with the test, and are gone when the next begins."""
    made = []

    def make(name):
        made.append(cluster.make_namespace(name))
        return name

    yield make
    for name in made:
        cluster.api.delete(f"/api/v1/namespaces/{name}")
    for name in made:
        wait_until(lambda name=name: cluster.api.get(f"/api/v1/namespaces/{name}") is None, 90,
                   f"the end of namespace {name}")


@pytest.fixture
def namespace(make_namespace, request):
    """One for this test."""
    return make_namespace(re.sub("[^a-z0-9]+", "-", request.node.name).removeprefix("test-")
                          .strip("-"))
