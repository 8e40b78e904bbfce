"""The chart's objects, for every documented variant of its values, as the API server takes them."""

import pathlib

import pytest
import yaml

from conftest import ROOT

CHART = ROOT / "charts/dns01d"
VARIANTS = sorted((CHART / "ci").glob("*-values.yaml"))
# A chart's variant that PodSecurity "restricted" refuses, as its comment says.
UNRESTRICTED = {"host-network"}
# Just enough of Prometheus' operator for its objects to be taken.
MONITOR = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
             "names": {"kind": "ServiceMonitor", "plural": "servicemonitors"},
             "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                 "openAPIV3Schema": {"type": "object",
                                     "x-kubernetes-preserve-unknown-fields": True}}}]}}


def name_of(path):
    return pathlib.Path(path).name.removesuffix("-values.yaml")


@pytest.fixture(scope="module")
def chart_namespace(cluster):
    """Where objects would go: pods that are not restricted would be refused there."""
    cluster.apply(MONITOR)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s",
                    f"crd/{MONITOR['metadata']['name']}")
    cluster.make_namespace("team-a")
    cluster.make_namespace("chart", {"pod-security.kubernetes.io/enforce": "restricted",
                                     "pod-security.kubernetes.io/warn": "restricted"})
    yield "chart"
    for name in ("chart", "team-a"):
        cluster.api.delete(f"/api/v1/namespaces/{name}")


def render(cluster, *options):
    """The objects of the chart, as (text, parsed)."""
    text = cluster.helm("template", "dns01d", CHART, "--namespace", "chart", "--dry-run=server",
                        *options)
    return text, [found for found in yaml.safe_load_all(text) if found]


def find(objects, kind, name=None):
    found = [item for item in objects
             if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} objects {kind} {name or ''}"
    return found[0]


def test_helm_lint(cluster):
    for path in [CHART / "values.yaml", *VARIANTS]:
        output = cluster.helm("lint", "--strict", CHART, "--values", path)
        assert "0 chart(s) failed" in output


@pytest.mark.usefixtures("chart_namespace")
@pytest.mark.parametrize("path", [CHART / "values.yaml", *VARIANTS], ids=name_of)
def test_the_api_server_takes_each_variant(cluster, path):
    text, objects = render(cluster, "--values", path)
    done = cluster.kubectl("apply", "--dry-run=server", "-f", "-",
                           stdin=text, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(objects)
    warnings = [line for line in done.stderr.splitlines() if line.startswith("Warning")]
    if name_of(path) in UNRESTRICTED:
        assert any("would violate PodSecurity" in line for line in warnings)
    else:
        assert warnings == []


def test_rights_are_the_least(cluster):
    """No wildcard, no rights on Secrets by default, one grant to cert-manager: create on the solver."""
    _, objects = render(cluster)
    rules = [rule for item in objects if item["kind"] in ("Role", "ClusterRole")
             for rule in item["rules"]]
    assert rules == [
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"],
         "verbs": ["create"]},
        {"apiGroups": ["acme.dns01d.dev"], "resources": ["dns01d"], "verbs": ["create"]}]
    labels = [item["metadata"]["labels"] for item in objects if "ClusterRole" in item["kind"]]
    assert not any("rbac.authorization.k8s.io/aggregate" in key for item in labels for key in item)


def test_secrets_only_where_they_are_given(cluster):
    _, objects = render(cluster, "--values", CHART / "ci/no-dns-values.yaml")
    roles = {item["metadata"]["namespace"]: item["rules"] for item in objects
             if item["kind"] == "Role"}
    get = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    assert roles == {"cert-manager": [{**get, "resourceNames": ["cloudflare"]}], "team-a": [get]}


def test_split_roles(cluster):
    """The public DNS pods hold no token, no certificate and no webhook; the webhook opens no DNS."""
    _, objects = render(cluster, "--values", CHART / "ci/split-values.yaml")
    dns = find(objects, "Deployment", "dns01d-dns")["spec"]
    pod = dns["template"]["spec"]
    assert dns["replicas"] == 3 and pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert {volume["name"] for volume in pod["volumes"]} == {"config", "state"}
    configs = {role: yaml.safe_load(find(objects, "ConfigMap", f"dns01d-{role}")["data"]["dns01d.yaml"])
               for role in ("dns", "webhook")}
    assert "webhook" not in configs["dns"] and configs["dns"]["dns"]["workers"] == 2
    assert configs["webhook"]["dns"]["listen"] == []
    assert {item["metadata"]["name"] for item in objects if item["kind"] == "PodDisruptionBudget"} == {
        "dns01d-webhook", "dns01d-dns"}


@pytest.mark.parametrize(("values", "message"), [
    ("split=true", "split: true needs a store that both Deployments see"),
    ("pki.mode=existingSecret,pki.existingSecret=a", "pki.mode existingSecret needs pki.caBundle"),
    ("pki.mode=csr,pki.caBundle=-----BEGIN CERTIFICATE-----", "pki.mode csr needs pki.signerName"),
    ("api.enabled=true", "api.enabled needs api.tlsSecretName"),
    ("gruopName=a.b", "gruopName"),
    ("dns.service.type=ExternalName", "dns.service.type|dns/service/type"),
    ("groupName=nodot", "groupName"),
])
def test_wrong_values_are_refused(cluster, values, message):
    done = cluster.helm("template", "dns01d", CHART, "--set", values, check=False)
    assert done.returncode != 0
    assert any(part in done.stderr for part in message.split("|")), done.stderr


def test_issuers_skip_the_self_check_where_that_is_known(cluster):
    """cert-manager's definitions are installed here, and they know the field."""
    _, objects = render(cluster, "--values", CHART / "ci/issuers-values.yaml")
    issuer = find(objects, "ClusterIssuer", "letsencrypt")
    assert issuer["spec"]["acme"]["solvers"][0]["waitInsteadOfSelfCheck"] == "0s"
    other = find(objects, "Issuer", "letsencrypt-cloudflare")
    assert "waitInsteadOfSelfCheck" not in other["spec"]["acme"]["solvers"][0]
