"""The control: cert-manager's own Go example webhook passes its suite behind this aggregator, and
in-tree solvers issue through a dns01d outside the cluster. What fails here is not dns01d's webhook.
"""

import base64
import json
import os

import pytest

import kubetools
from kubeissue import acme_issuer, await_certificate, certificate, verify_secret
from program import Program, free_port, wait_until

GROUP = "acme.example.com"


@pytest.fixture(scope="module")
def example(cluster, tmp_path_factory):
    """The example webhook behind a Service without selector; the address of its DNS server."""
    folder = tmp_path_factory.mktemp("example")
    port, dns_port = free_port("127.0.0.1"), free_port("127.0.0.1")
    server, key = cluster.authority.issue("example-webhook", "/CN=example", "serverAuth",
                                          "DNS:example.example-webhook.svc")
    cluster.make_namespace("example-webhook")
    cluster.apply(
        {"apiVersion": "v1", "kind": "Service",
         "metadata": {"name": "example", "namespace": "example-webhook"},
         "spec": {"type": "ExternalName", "externalName": "localhost"}},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
         "metadata": {"name": f"v1alpha1.{GROUP}"},
         "spec": {"group": GROUP, "version": "v1alpha1", "groupPriorityMinimum": 1000,
                  "versionPriority": 15,
                  "service": {"name": "example", "namespace": "example-webhook", "port": port},
                  "caBundle": base64.b64encode(cluster.authority.certificate.read_bytes()).decode()}})
    program = Program("example-webhook", [
        kubetools.program("cert-manager"), "example-webhook", f"--secure-port={port}",
        "--bind-address=127.0.0.1", f"--tls-cert-file={server}", f"--tls-private-key-file={key}",
        f"--kubeconfig={cluster.kubeconfig}", f"--authentication-kubeconfig={cluster.kubeconfig}",
        f"--authorization-kubeconfig={cluster.kubeconfig}"], folder,
        dict(cluster.environment, GROUP_NAME=GROUP, EXAMPLE_DNS_ADDRESS=f"127.0.0.1:{dns_port}"))
    try:
        wait_until(lambda: cluster.is_available(f"v1alpha1.{GROUP}"), 60, "the example webhook",
                   program)
        wait_until(lambda: cluster.is_discovered(GROUP), 30, "its discovery", program)
        yield f"127.0.0.1:{dns_port}"
    finally:
        cluster.api.delete(f"/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.{GROUP}")
        program.stop()


def run_conformance(cluster, group, solver, zone, server, folder):
    """cert-manager's suite, strict; its output when it passed."""
    tools = cluster.environment
    environment = dict(
        tools, GROUP_NAME=group, SOLVER_NAME=solver, TEST_ZONE_NAME=zone, TEST_DNS_SERVER=server,
        TEST_ASSET_ETCD=str(kubetools.program("etcd")),
        TEST_ASSET_KUBE_APISERVER=str(kubetools.program("kube-apiserver")),
        TEST_ASSET_KUBECTL=str(kubetools.program("kubectl")), TMPDIR=os.fspath(folder))
    return cluster.run(kubetools.program("conformance"), "-test.v", "-test.timeout=240s",
                       environment=environment, folder=folder, seconds=300)


def test_the_suite_passes_for_the_example(cluster, example, tmp_path):
    output = run_conformance(cluster, GROUP, "example", "example.com.", example, tmp_path)
    assert "--- PASS: TestConformance/Conformance/Extended/DeletingOneRecordRetainsOthers" in output
    assert "SKIP" not in output


def test_in_tree_rfc2136_solver(cluster, world, namespace, tmp_path):
    """Names of a zone of ours, so that no CNAME is followed: cert-manager sends one UPDATE."""
    secret = b"a-shared-secret-of-cert-manager!"
    world.dns01d.tsig_key("cert-manager.", secret, names=["**.auth.example.test"])
    world.dns01d.reload()
    cluster.apply(
        {"apiVersion": "v1", "kind": "Secret",
         "metadata": {"name": "tsig", "namespace": namespace},
         "stringData": {"secret": base64.b64encode(secret).decode()}},
        acme_issuer(world, "rfc2136", {"rfc2136": {
            "nameserver": "{}:{}".format(*world.dns01d_server), "tsigKeyName": "cert-manager.",
            "tsigAlgorithm": "HMACSHA256", "tsigSecretSecretRef": {"name": "tsig", "key": "secret"}}},
            namespace),
        certificate("in-zone", namespace, ["host.auth.example.test"], "rfc2136", "Issuer"))
    await_certificate(cluster, namespace, "in-zone")
    verify_secret(cluster, world, namespace, "in-zone", ["host.auth.example.test"], tmp_path)


def test_in_tree_acmedns_solver(cluster, world, namespace, tmp_path):
    """An account made by POST /register, kept in a Secret, and a CNAME to its subdomain."""
    world.dns01d.token("registrar", "a-secret-that-may-register", verbs=["register"])
    world.dns01d.reload()
    wait_until(lambda: world.dns01d.request("POST", "/register", {}, token="registrar").status == 201,
               10, "a token that may register")
    account = world.dns01d.request("POST", "/register", {}, token="registrar").json()
    world.delegate("acmedns.example.test", account["fulldomain"])
    cluster.apply(
        {"apiVersion": "v1", "kind": "Secret",
         "metadata": {"name": "acme-dns", "namespace": namespace},
         "stringData": {"acmedns.json": json.dumps({"acmedns.example.test": account})}},
        acme_issuer(world, "acmedns", {"acmeDNS": {
            "host": world.dns01d.api_url,
            "accountSecretRef": {"name": "acme-dns", "key": "acmedns.json"}}}, namespace),
        certificate("by-account", namespace, ["acmedns.example.test", "*.acmedns.example.test"],
                    "acmedns", "Issuer"))
    await_certificate(cluster, namespace, "by-account")
    verify_secret(cluster, world, namespace, "by-account",
                  ["acmedns.example.test", "*.acmedns.example.test"], tmp_path)
