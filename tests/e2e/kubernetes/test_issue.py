"""Certificates through dns01d's webhook, and requests that must be refused, with the reason in the
Challenge."""

import pytest

from kubeissue import (acme_issuer, await_certificate, certificate, certificate_text, challenges,
                       ingress, reasons, verify_secret, webhook_solver)
from program import wait_until
from test_control import run_conformance

GROUP = "acme.dns01d.dev"
ZONE = "acme.example.test"
SERVER = "192.0.2.53:53"


def test_conformance_suite(installed, reader, cluster, show, tmp_path):
    """cert-manager's own suite, strict, through the aggregator. Its names have no _acme-challenge
    label and its requests no ambient credentials, so that the policy must grant the owner name."""
    (reader.folder / "conformance.yaml").write_text(f"""policy:
  - {{namespaces: [cert-manager], names: [example.test, "**.example.test"]}}
  - {{namespaces: [team-a], names: [a.example.test, "**.a.example.test"]}}
  - namespaces: [basic-present-record, extended-supports-multiple-same-domain]
    owners: [cert-manager-dns01-tests.{ZONE}]
""")
    reader.helm_upgrade("--values", "conformance.yaml")
    wait_until(lambda: cluster.is_discovered(GROUP), 60, "dns01d after the upgrade")
    output = run_conformance(cluster, GROUP, "dns01d", f"{ZONE}.", SERVER, tmp_path)
    show("cert-manager's conformance suite, strict", output)
    for name in ("Basic/PresentRecord", "Extended/DeletingOneRecordRetainsOthers"):
        assert f"--- PASS: TestConformance/Conformance/{name}" in output
    assert "SKIP" not in output


def test_ingress_with_apex_www_and_wildcard(issuer, cluster, world, namespace, show, tmp_path):
    hosts = ["example.test", "www.example.test", "*.example.test"]
    cluster.apply(ingress("site", namespace, hosts, {"cert-manager.io/cluster-issuer": "letsencrypt"}))
    wait_until(lambda: cluster.api.get(
        f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates/site-tls"), 30,
        "the Certificate of an Ingress")
    await_certificate(cluster, namespace, "site-tls")
    path = verify_secret(cluster, world, namespace, "site-tls", hosts, tmp_path)
    show("the certificate of an Ingress", certificate_text(cluster, namespace, "site-tls", path))
    wait_until(lambda: not challenges(cluster, namespace), 30, "the end of all challenges")


def test_ingress_with_namespaced_issuer(installed, cluster, world, make_namespace, tmp_path):
    """An Issuer of team-a, which the policy lets ask for its own names."""
    namespace = make_namespace("team-a")
    cluster.apply(acme_issuer(world, "own", webhook_solver(GROUP), namespace),
                  ingress("site", namespace, ["a.example.test"], {"cert-manager.io/issuer": "own"}))
    await_certificate(cluster, namespace, "site-tls")
    verify_secret(cluster, world, namespace, "site-tls", ["a.example.test"], tmp_path)


def test_ingress_with_tls_acme(issuer, cluster, world, namespace, tmp_path):
    """The annotation of old, with the Issuer that cert-manager was started with."""
    cluster.apply(ingress("site", namespace, ["www.example.test"], {"kubernetes.io/tls-acme": "true"}))
    await_certificate(cluster, namespace, "site-tls")
    verify_secret(cluster, world, namespace, "site-tls", ["www.example.test"], tmp_path)


def refused(cluster, world, namespace, domain, solver, seconds=60):
    """Asks for a certificate that must not come; the one reason that cert-manager shows."""
    cluster.apply(acme_issuer(world, "refused", solver, namespace),
                  certificate("refused", namespace, [domain], "refused", "Issuer"))
    said = wait_until(
        lambda: {text for text in reasons(cluster, namespace) if text and "presented" not in text},
        seconds, "a reason in the challenge", cluster.programs["cert-manager"])
    shown = cluster.kubectl("--namespace", namespace, "describe", "challenge")
    assert len(said) == 1
    text = said.pop()
    assert text in shown, shown
    return text


def test_tenant_asks_for_the_name_of_another(installed, cluster, world, make_namespace, show):
    namespace = make_namespace("team-b")
    reason = refused(cluster, world, namespace, "a.example.test", webhook_solver(GROUP))
    assert reason == (
        "namespace team-b may not use dns01d's own zones for _acme-challenge.a.example.test: add an "
        "entry with this namespace and name to webhook.policy of dns01d's configuration")
    # Asked again, the same is said: a new text would make cert-manager ask at once, for ever.
    wait_until(lambda: any(item["reason"] == "PresentError" and item.get("count", 1) >= 2
                           for item in cluster.api.items(f"/api/v1/namespaces/{namespace}/events")),
               60, "cert-manager's second attempt")
    assert reasons(cluster, namespace) == {reason}
    show("a tenant without a right",
         cluster.kubectl("--namespace", namespace, "describe", "challenge"))


@pytest.mark.parametrize(("config", "part"), [
    ({"povider": "cloudflare"}, 'unknown key "povider"'),
    ({"provider": "cloudflare", "settings": {"api-token-file": "/etc/passwd"},
      "secretRef": {"name": "cf"}}, "an Issuer cannot name files, programs or networks"),
    ({"provider": "cloudflare", "secretRef": {"name": "cf", "namespace": "kube-system"}},
     "Secrets are read in the Issuer's own namespace only"),
    ({"provider": "cloudflare", "secretRef": {"name": "cf"}}, "dns01d may not read Secret cf"),
    ([1], "must be an object"),
], ids=["unknown-key", "file", "other-namespace", "forbidden-secret", "no-object"])
def test_wrong_configuration_is_explained(installed, cluster, world, namespace, config, part):
    reason = refused(cluster, world, namespace, "a.example.test", webhook_solver(GROUP, config))
    assert part in reason


def test_others_may_not_call_the_solver(installed, cluster):
    """Only cert-manager has the right; kube-apiserver refuses everybody else."""
    kubeconfig = cluster.user("somebody", "/O=people/CN=somebody")
    done = cluster.kubectl("--kubeconfig", kubeconfig, "create", "--raw",
                           f"/apis/{GROUP}/v1alpha1/dns01d", "-f", "-", stdin="{}", check=False)
    assert done.returncode != 0 and "cannot create resource" in done.stderr
    for account, expected in (("cert-manager:cert-manager", "yes"), ("dns01d:dns01d", "no")):
        answer = cluster.kubectl("auth", "can-i", "create", f"dns01d.{GROUP}", "--as",
                                 f"system:serviceaccount:{account}", check=False).stdout
        assert answer.strip().endswith(expected)
