"""Serving certificates that the webhook gets by itself: by the certificates API, or its own CA."""

import base64
import datetime
import subprocess

import pytest

from certificates import Authority
from program import ProgramError, wait_until
from test_kubernetes import GROUP, Webhook

SECONDS = 20
SERVICE = {"service": "dns01d-webhook", "namespace": "cert-manager"}
CSR = {"mode": "csr", "signer": "example.com/serving", **SERVICE}
SELF = {"mode": "self", **SERVICE}
SECRET = ("cert-manager", "dns01d-webhook-ca")


class Unready(Webhook):
    """Started, and not waited for."""

    def __enter__(self):
        self.server.start()
        return self


def encode(text):
    return base64.b64encode(text.encode()).decode()


def decode(text):
    return base64.b64decode(text).decode()


def stamp(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


def is_ready(webhook):
    """Over TLS, whose certificate the client verifies."""
    try:
        return webhook.aggregator.get("/readyz")[0] == 200
    except OSError:
        return False


def the_csr(webhook, number):
    """The request of that number, from 0, once it was made."""
    api = webhook.cluster.api
    wait_until(lambda: len(api.csrs) > number, SECONDS, "no CertificateSigningRequest")
    return list(api.csrs.values())[number]


def approve(webhook, number=0, **times):
    csr = the_csr(webhook, number)
    signed = webhook.cluster.webhook.sign(decode(csr["spec"]["request"]), **times)
    csr["status"]["certificate"] = encode(signed)
    return signed


def test_csr(tmp_path):
    with Unready(tmp_path, tls=CSR) as webhook:
        csr = the_csr(webhook, 0)
        assert csr["spec"]["signerName"] == "example.com/serving"
        assert csr["spec"]["usages"] == ["digital signature", "key encipherment", "server auth"]
        webhook.server.process.wait_line("certificate_requested.*dns01d-webhook-0", SECONDS)
        assert webhook.server.request("GET", "/readyz").status == 503
        assert not is_ready(webhook)
        approve(webhook)
        wait_until(lambda: is_ready(webhook), SECONDS, "the certificate is not served")
        assert webhook.present(action="CleanUp")[1]["success"] is True
        # Kept: a restart asks nobody to approve again.
        webhook.server.stop()
        webhook.server.start()
        wait_until(lambda: is_ready(webhook), SECONDS, "the certificate was not kept")
        assert len(webhook.cluster.api.csrs) == 1


def test_csr_is_renewed(tmp_path):
    """What is two thirds through its life is served, and the next one asked for."""
    with Unready(tmp_path, tls=CSR) as webhook:
        first = approve(webhook, start=stamp(-20), end=stamp(2))
        wait_until(lambda: is_ready(webhook), SECONDS, "the certificate is not served")
        second = approve(webhook, 1)
        assert second != first
        kept = webhook.server.state / "webhook-dns01d-webhook.cert-manager.svc.pem"
        wait_until(lambda: second.strip() in kept.read_text(), SECONDS, "not renewed")
        assert kept.stat().st_mode & 0o777 == 0o600
        assert is_ready(webhook)


@pytest.mark.parametrize("status, said", [
    ({"conditions": [{"type": "Denied", "message": "not this one"}]}, "not this one"),
    ({"conditions": [{"type": "Failed"}]}, "Failed"),
    ({"certificate": encode("no PEM")}, "no certificate"),
    ({"certificate": None}, None)])
def test_csr_fails(tmp_path, status, said):
    with Unready(tmp_path, tls=CSR) as webhook:
        csr = the_csr(webhook, 0)
        if said is None:  # Of another key.
            other = Authority(tmp_path / "other", "other")
            status = {"certificate": encode(other.server("x", "DNS:a.example")[0].read_text())}
            said = "another key"
        csr["status"] = status
        webhook.server.process.wait_line(f"certificate_refused.*{said}", SECONDS)
        assert webhook.server.request("GET", "/readyz").status == 503


def test_csr_is_gone(tmp_path):
    """The cluster forgets what nobody approves."""
    with Unready(tmp_path, tls=CSR) as webhook:
        the_csr(webhook, 0)
        webhook.cluster.api.csrs.clear()
        the_csr(webhook, 0)
        approve(webhook)
        wait_until(lambda: is_ready(webhook), SECONDS, "the certificate is not served")


def trust_bundle(webhook, group=GROUP):
    """The aggregator believes what the APIService says."""
    spec = webhook.cluster.api.apiservices[f"v1alpha1.{group}"]
    wait_until(lambda: spec.get("caBundle"), SECONDS, "no caBundle")
    path = webhook.cluster.folder / f"bundle-{group}.pem"
    path.write_text(decode(spec["caBundle"]))
    webhook.cluster.webhook.certificate = path
    webhook.aggregator = webhook.cluster.aggregator(webhook.server.address, webhook.port)
    return path.read_text()


def make_self(folder, **settings):
    webhook = Unready(folder, tls=SELF, **settings)
    for group in (GROUP, "acme.old.example"):
        webhook.cluster.api.apiservices[f"v1alpha1.{group}"] = {"group": group}
    return webhook


def test_self(tmp_path):
    also = [{"group": "acme.old.example", "solver": "old"}, {"group": GROUP, "solver": "two"}]
    with make_self(tmp_path, **{"also-serve": also}) as webhook:
        bundle = trust_bundle(webhook)
        wait_until(lambda: is_ready(webhook), SECONDS, "the certificate is not served")
        assert webhook.present(action="CleanUp")[1]["success"] is True
        assert trust_bundle(webhook, "acme.old.example") == bundle
        secret = webhook.cluster.api.secrets[SECRET]
        assert decode(secret["tls.crt"]) == bundle == decode(secret["ca.crt"])
        patched = [path for method, path, _body in webhook.cluster.api.requests
                   if method == "PATCH"]
        assert len(patched) == 2
        # Another replica, or the same after a restart, has the same authority.
        webhook.server.stop()
        webhook.server.start()
        wait_until(lambda: is_ready(webhook), SECONDS, "the authority is another one")
        assert webhook.cluster.api.secrets[SECRET] == secret


def test_self_rotates(tmp_path):
    """An authority that grows old is followed by another; both are believed meanwhile."""
    webhook = make_self(tmp_path)
    old = Authority(tmp_path / "old", "old-authority")
    subprocess.run(
        ["openssl", "ca", "-batch", "-selfsign", "-keyfile", old.key, "-in", old_request(old),
         "-config", old.folder / "ca.cnf", "-startdate", stamp(-3000), "-enddate", stamp(600),
         "-out", old.certificate, "-notext"], check=True, capture_output=True)
    webhook.cluster.api.secrets[SECRET] = {
        "tls.crt": encode(old.pem), "tls.key": encode(old.key.read_text()),
        "ca.crt": encode(old.pem)}
    with webhook:
        bundle = trust_bundle(webhook)
        wait_until(lambda: is_ready(webhook), SECONDS, "the certificate is not served")
        secret = webhook.cluster.api.secrets[SECRET]
        assert bundle == decode(secret["tls.crt"]) + old.pem
        assert decode(secret["tls.crt"]) != old.pem


def old_request(authority):
    """What openssl ca needs for a certificate in the past."""
    folder = authority.folder
    (folder / "index").write_text("")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca = a\n[a]\nnew_certs_dir = {folder}\ndatabase = {folder}/index\n"
        "rand_serial = yes\ndefault_md = sha256\npolicy = p\nx509_extensions = e\n"
        "[p]\ncommonName = supplied\n[e]\nbasicConstraints = critical,CA:TRUE\n")
    subprocess.run(["openssl", "req", "-new", "-key", authority.key, "-subj", "/CN=old-authority",
                    "-out", folder / "old.csr"], check=True, capture_output=True)
    return folder / "old.csr"


@pytest.mark.parametrize("break_it, said", [
    (lambda api: api.secrets.update({SECRET: {"tls.crt": "!"}}), "tls.crt, tls.key or ca.crt"),
    (lambda api: api.forbidden_secrets.add(SECRET), "is forbidden"),
    (lambda api: api.apiservices.clear(), "cannot read the APIService")])
def test_self_fails(tmp_path, break_it, said):
    webhook = make_self(tmp_path)
    break_it(webhook.cluster.api)
    with webhook:
        webhook.server.process.wait_line(f"certificate_refused.*{said}", SECONDS)
        assert webhook.server.request("GET", "/readyz").status == 503


def test_namespace_is_needed(tmp_path):
    webhook = Unready(tmp_path, tls={**SELF, "namespace": ""})
    with pytest.raises(ProgramError, match="webhook.tls.namespace is empty"):
        webhook.server.start()
    webhook.cluster.api.close()
