"""What comes at the end of an installation's life, in this order: restarts, another certificate, an
upgrade, the uninstallation."""

import base64
import json
import ssl
import threading

from dnsask import answers, ask, texts
from kubecluster import Authority
from kubelet import LOAD_BALANCER
from program import wait_until
from world import run_openssl

GROUP = "acme.dns01d.dev"
APISERVICE = f"v1alpha1.{GROUP}"
OBJECTS = ("/apis/apps/v1/namespaces/dns01d/deployments", "/api/v1/namespaces/dns01d/services",
           "/api/v1/namespaces/dns01d/persistentvolumeclaims",
           "/api/v1/namespaces/dns01d/configmaps", "/apis/cert-manager.io/v1/namespaces/dns01d/issuers")


class Signer:
    """Signs the approved CertificateSigningRequests of one signer. A context manager."""

    def __init__(self, cluster, folder, name):
        self.cluster, self.name, self.folder = cluster, name, folder
        self.authority = Authority(folder, "signer-ca")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="signer")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(0.2):
            for found in self.cluster.api.items(
                    "/apis/certificates.k8s.io/v1/certificatesigningrequests"):
                approved = any(item["type"] == "Approved"
                               for item in found["status"].get("conditions", []))
                if (found["spec"]["signerName"] == self.name and approved
                        and not found["status"].get("certificate")):
                    self._sign(found)

    def _sign(self, found):
        request, signed, extensions = (self.folder / f"signed.{end}" for end in ("csr", "pem", "ext"))
        request.write_bytes(base64.b64decode(found["spec"]["request"]))
        self.authority.sign(request, signed, extensions, "serverAuth", "DNS:dns01d.dns01d.svc")
        self.cluster.api.merge(
            "/apis/certificates.k8s.io/v1/certificatesigningrequests/"
            f"{found['metadata']['name']}/status",
            {"status": {"certificate": base64.b64encode(signed.read_bytes()).decode()}})


def served_certificate(cluster):
    """What the webhook shows to kube-apiserver, as PEM; None while nobody answers."""
    service = cluster.api.get("/api/v1/namespaces/dns01d/services/dns01d")
    try:
        return ssl.get_server_certificate((service["spec"]["clusterIP"], 443), timeout=5)
    except OSError:
        return None


def issuer_of(cluster, folder):
    """Who signed what the webhook shows; empty while nobody answers."""
    served = served_certificate(cluster)
    if not served:
        return ""
    (folder / "served.pem").write_text(served)
    return run_openssl("x509", "-noout", "-issuer", "-in", folder / "served.pem").strip()


def pod_ids(cluster):
    return {item["metadata"]["uid"] for item in cluster.api.items("/api/v1/namespaces/dns01d/pods")}


def is_gone(cluster, name):
    return cluster.api.get(f"/api/v1/namespaces/{name}") is None


def test_namespace_is_deleted_while_dns01d_is_down(installed, cluster, kubelet):
    """Without an answer for the APIService it cannot go; it goes by itself when dns01d is back."""
    cluster.make_namespace("waits")
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap",
                   "metadata": {"name": "one", "namespace": "waits"}})
    with kubelet.held():
        for pod in kubelet.pods.values():
            pod.process.kill()
        wait_until(lambda: not cluster.is_available(APISERVICE), 60, "that dns01d is missed")
        cluster.api.delete("/api/v1/namespaces/waits")
        wait_until(lambda: cluster.api.get("/api/v1/namespaces/waits/configmaps/one") is None, 30,
                   "the end of the content")
        found = wait_until(lambda: [
            item for item in cluster.api.get("/api/v1/namespaces/waits")["status"]
            .get("conditions", []) if item["type"] == "NamespaceDeletionDiscoveryFailure"], 30,
            "the condition")
        assert GROUP in found[0]["message"]
    wait_until(lambda: cluster.is_available(APISERVICE), 90, "that dns01d is back")
    wait_until(lambda: is_gone(cluster, "waits"), 60, "the end of the namespace")


def test_namespace_is_deleted_during_a_rollout(installed, cluster):
    cluster.make_namespace("rolls")
    cluster.kubectl("--namespace", "dns01d", "rollout", "restart", "deployment/dns01d")
    cluster.api.delete("/api/v1/namespaces/rolls")
    cluster.kubectl("--namespace", "dns01d", "rollout", "status", "deployment/dns01d",
                    "--timeout=2m")
    wait_until(lambda: is_gone(cluster, "rolls"), 90, "the end of the namespace")


def test_values_survive_a_restart(installed, cluster, kubelet):
    """dns01d is killed after Present; the authority's question is answered all the same."""
    name, value = "_acme-challenge.www.example.test.", "a-value-of-43-octets-as-authorities-want-it"
    payload = {"request": {
        "uid": "", "action": "Present", "type": "dns-01", "dnsName": "www.example.test", "key": value,
        "resourceNamespace": "cert-manager", "resolvedFQDN": name, "resolvedZone": "example.test.",
        "allowAmbientCredentials": True, "config": {}}}
    kubeconfig = cluster.folder / "cert-manager.kubeconfig"

    def call(action):
        payload["request"]["action"] = action
        answer = json.loads(cluster.kubectl(
            "--kubeconfig", kubeconfig, "create", "--raw", f"/apis/{GROUP}/v1alpha1/dns01d", "-f",
            "-", stdin=json.dumps(payload)))
        assert answer["response"]["success"] is True, answer

    call("Present")
    pod = next(iter(kubelet.pods.values()))
    with kubelet.held():
        before = pod.process.pid
        pod.process.kill()
    wait_until(lambda: pod.process.pid != before and pod.ready and answers((LOAD_BALANCER, 53), name),
               60, "dns01d's restart")
    assert value.encode() in texts(ask((LOAD_BALANCER, 53), name))
    wait_until(lambda: cluster.is_available(APISERVICE), 90, "that dns01d is back")
    call("CleanUp")
    assert value.encode() not in texts(ask((LOAD_BALANCER, 53), name))


def test_certificate_of_its_own_authority(installed, reader, cluster):
    """dns01d makes the authority with the rights of the chart, and kube-apiserver believes it."""
    reader.helm_upgrade("--set", "pki.mode=self")
    wait_until(lambda: "dns01d webhook authority" in issuer_of(cluster, reader.folder), 60,
               "a pod with an authority of its own")
    wait_until(lambda: cluster.is_available(APISERVICE), 90, "that dns01d is trusted")
    assert cluster.is_discovered(GROUP)
    secret = cluster.api.get("/api/v1/namespaces/dns01d/secrets/dns01d-webhook-authority")
    service = cluster.api.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}")
    assert service["spec"]["caBundle"] == secret["data"]["ca.crt"]


def test_certificate_of_the_clusters_own_api(installed, reader, cluster):
    """Requested by dns01d, approved by a person, signed by a signer, served."""
    with Signer(cluster, reader.folder, "example.test/webhooks"):
        reader.follow("The webhook's own certificate")
        wait_until(lambda: "signer-ca" in issuer_of(cluster, reader.folder), 60,
                   "a pod with the signed certificate")
        wait_until(lambda: cluster.is_available(APISERVICE), 90, "that dns01d is trusted")
    assert cluster.is_discovered(GROUP)


def test_renewed_certificate_is_taken_up(installed, reader, cluster):
    """cert-manager's: another one in the Secret is served by the running process."""
    reader.helm_upgrade()
    wait_until(lambda: "CN = ca.dns01d" in issuer_of(cluster, reader.folder), 60,
               "a pod with cert-manager's certificate")
    before, pods = served_certificate(cluster), pod_ids(cluster)
    cluster.api.delete("/api/v1/namespaces/dns01d/secrets/dns01d-webhook-tls")
    wait_until(lambda: served_certificate(cluster) not in (before, None), 60,
               "the renewed certificate")
    wait_until(lambda: cluster.is_available(APISERVICE), 90, "that dns01d is trusted")
    assert pod_ids(cluster) == pods


class Order:
    """Looks all the time whether the Deployment is gone before the APIService. A context manager."""

    def __init__(self, cluster):
        self.api = cluster.api
        self.wrong = False
        self.looks = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="order")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(0.01):
            self.looks += 1
            if self.api.get("/apis/apps/v1/namespaces/dns01d/deployments/dns01d") is None:
                found = self.api.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}")
                self.wrong = self.wrong or found is not None


def test_upgrade_and_uninstall(installed, reader, cluster, kubelet):
    """Nothing of the release stays, the APIService goes first, and namespaces can be deleted."""
    with Order(cluster) as order:
        outputs = reader.follow("Upgrade and uninstall")
    assert "uninstalled" in outputs[-1]
    assert order.looks > 10 and not order.wrong
    assert cluster.api.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{APISERVICE}") is None
    for path in OBJECTS:
        wait_until(lambda path=path: {item["metadata"]["name"] for item in cluster.api.items(path)}
                   <= {"kube-root-ca.crt"}, 30, f"the end of {path}")
    roles = cluster.kubectl("get", "clusterroles,clusterrolebindings", "--output=name")
    assert "dns01d" not in roles
    wait_until(lambda: not kubelet.pods, 60, "the end of the pods")
    cluster.make_namespace("after")
    for name in ("after", "dns01d"):
        cluster.api.delete(f"/api/v1/namespaces/{name}")
    for name in ("after", "dns01d"):
        wait_until(lambda name=name: is_gone(cluster, name), 60, f"the end of namespace {name}")
