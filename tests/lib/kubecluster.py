"""A Kubernetes control plane without nodes: etcd, kube-apiserver, kube-controller-manager, and
cert-manager's controller and cainjector. Runs in a network namespace of its own, where the addresses
of Services are local ones:

    10.96.0.0/16    Services; kube-apiserver listens on the first, as pods see it
    10.244.0.0/16   pods, which kubelet.py runs as processes
    192.0.2.0/24    what a cloud's load balancer would hand out
"""

import contextlib
import json
import os
import pathlib
import subprocess

import kubetools
from kubeapi import Api, ApiError
from program import Program, ProgramError, free_port, wait_until
from world import SYSTEM_PATH, run_openssl

SERVER = "10.96.0.1"
LOCAL_NETWORKS = ("10.96.0.0/16", "10.244.0.0/16", "192.0.2.0/24")
START_SECONDS = 60
COMMAND_SECONDS = 120
CONTROLLERS = (
    "namespace-controller", "garbage-collector-controller", "serviceaccount-controller",
    "deployment-controller", "replicaset-controller", "endpointslice-controller",
    "root-ca-certificate-publisher-controller", "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-signing-controller", "resourcequota-controller",
    "disruption-controller", "persistentvolumeclaim-protection-controller",
)
CERT_MANAGER_USER = "system:serviceaccount:cert-manager:cert-manager"
# What cert-manager's own chart grants its controller and cainjector, less finely divided. Nothing of
# this lets it call a solver: that right comes from the chart under test.
CERT_MANAGER_RULES = [
    {"apiGroups": ["cert-manager.io", "acme.cert-manager.io"], "resources": ["*"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["secrets", "events", "pods", "services"], "verbs": ["*"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingresses/finalizers"],
     "verbs": ["*"]},
    {"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"],
     "verbs": ["get", "list", "watch", "update", "patch"]},
]


def enter_network():
    """Makes the addresses of this (new) network namespace.

    Servers that look for an address to tell others take that of the default route; nothing is behind
    it.
    """
    for command in (
            "link set lo up",
            *(f"route add local {network} dev lo" for network in LOCAL_NETWORKS),
            "link add uplink type veth peer name nowhere", "link set uplink up",
            "link set nowhere up", "address add 198.51.100.1/24 dev uplink",
            "route add default via 198.51.100.2 dev uplink"):
        subprocess.run(["ip", *command.split()], check=True)


class Authority:
    """A certificate authority of a test."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        run_openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key, "-out",
                    self.certificate, "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, subject, usage="clientAuth", names=None):
        """(certificate file, key file) for a subject like /CN=admin."""
        certificate, key, request, extensions = (
            self.folder / f"{name}.{ending}" for ending in ("pem", "key", "csr", "ext"))
        run_openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-subj", subject, "-keyout", key, "-out", request)
        self.sign(request, certificate, extensions, usage, names)
        return certificate, key

    def sign(self, request, certificate, extensions, usage, names):
        lines = [f"extendedKeyUsage={usage}"]
        if names:
            lines.append(f"subjectAltName={names}")
        extensions.write_text("\n".join(lines) + "\n")
        run_openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                    "-days", "2", "-extfile", extensions, "-out", certificate)


class Cluster:
    """The control plane. A context manager; programs end with it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = 443
        self.authority = Authority(self.folder, "cluster-ca")
        self.front_proxy = Authority(self.folder, "front-proxy-ca")
        self.kubeconfig = self.user("admin", "/O=system:masters/CN=admin")
        self.api = self.client("admin")
        self.programs = {}
        self._cleanup = contextlib.ExitStack()

    def start(self, name, command, environment=None):
        """A program that ends with the cluster."""
        program = Program(name, command, self.folder, environment or self.environment)
        self._cleanup.callback(program.stop)
        self.programs[name] = program
        return program

    @property
    def environment(self):
        tools = sorted({str(kubetools.module_folder(module)) for module in kubetools.PROGRAMS})
        return {"PATH": ":".join([*tools, SYSTEM_PATH]), "HOME": str(self.folder), "LANG": "C.UTF-8",
                "KUBECONFIG": str(self.kubeconfig)}

    def user(self, name, subject):
        """Makes a user's certificate; returns the path of a kubeconfig."""
        certificate, key = self.authority.issue(name, subject)
        return self.write_kubeconfig(
            name, {"client-certificate": str(certificate), "client-key": str(key)})

    def write_kubeconfig(self, name, user):
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": f"https://{SERVER}:{self.port}",
                "certificate-authority": str(self.authority.certificate)}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        }))
        return path

    def client(self, name):
        return Api(SERVER, self.port, self.authority.certificate, self.folder / f"{name}.pem",
                   self.folder / f"{name}.key")

    def __enter__(self):
        with contextlib.ExitStack() as cleanup:
            self._cleanup = cleanup
            self._start_etcd()
            self._start_apiserver()
            self._start_controllers()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, kind, error, trace):
        self._cleanup.close()

    def _start_etcd(self):
        client, peer = (f"http://127.0.0.1:{free_port('127.0.0.1')}" for _ in range(2))
        self.etcd = client
        etcd = self.start("etcd", [
            kubetools.program("etcd"), "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"default={peer}", "--log-level", "warn"])
        self.etcd_program = etcd

    def _start_apiserver(self):
        certificate, key = self.authority.issue(
            "apiserver", "/CN=kube-apiserver", "serverAuth",
            f"IP:{SERVER},IP:127.0.0.1,DNS:kubernetes.default.svc,DNS:localhost")
        proxy_certificate, proxy_key = self.front_proxy.issue("front-proxy", "/CN=front-proxy-client")
        self.account_key = self.folder / "accounts.key"
        run_openssl("genrsa", "-out", self.account_key, "2048")
        apiserver = self.start("kube-apiserver", [
            kubetools.program("kube-apiserver"), f"--etcd-servers={self.etcd}",
            f"--bind-address={SERVER}", "--advertise-address=10.244.0.1",
            f"--secure-port={self.port}", f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}", f"--client-ca-file={self.authority.certificate}",
            f"--cert-dir={self.folder}", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.account_key}",
            f"--service-account-signing-key-file={self.account_key}",
            "--service-cluster-ip-range=10.96.0.0/16", "--enable-aggregator-routing=false",
            f"--requestheader-client-ca-file={self.front_proxy.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={proxy_certificate}", f"--proxy-client-key-file={proxy_key}",
            "--endpoint-reconciler-type=none", "-v=1"])
        wait_until(self.api.is_ready, START_SECONDS, "kube-apiserver", apiserver)

    def _start_controllers(self):
        kubeconfig = self.user("kube-controller-manager", "/CN=system:kube-controller-manager")
        self.start("kube-controller-manager", [
            kubetools.program("kube-controller-manager"), f"--kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1", f"--secure-port={free_port('127.0.0.1')}",
            f"--controllers={','.join(CONTROLLERS)}", "--leader-elect=false",
            f"--service-account-private-key-file={self.account_key}",
            f"--root-ca-file={self.authority.certificate}", "--use-service-account-credentials=true",
            f"--cluster-signing-cert-file={self.authority.certificate}",
            f"--cluster-signing-key-file={self.authority.key}",
            f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}",
            "--concurrent-namespace-syncs=4"])
        wait_until(lambda: self.api.get("/api/v1/namespaces/default/serviceaccounts/default"),
                   START_SECONDS, "the controllers", self.programs["kube-controller-manager"])

    # cert-manager

    def start_cert_manager(self, resolver, roots=None, default_issuer="letsencrypt"):
        """Its definitions, its rights, its controller and cainjector. resolver: (address, port)."""
        self.kubectl("apply", "--server-side", "-f", kubetools.definitions(), "--filename",
                     self._write_json("cert-manager-rights", self._cert_manager_rights()))
        for plural in ("certificates", "clusterissuers"):
            self.kubectl("wait", "--for=condition=Established", "--timeout=30s",
                         f"crd/{plural}.cert-manager.io")
        kubeconfig = self.user("cert-manager", "/O=system:serviceaccounts/"
                               f"O=system:serviceaccounts:cert-manager/CN={CERT_MANAGER_USER}")
        environment = self.environment
        if roots:
            environment["SSL_CERT_FILE"] = str(roots)
        program = kubetools.program("cert-manager")
        self.start("cert-manager", [
            program, "controller", f"--kubeconfig={kubeconfig}",
            "--cluster-resource-namespace=cert-manager",
            "--dns01-recursive-nameservers={}:{}".format(*resolver),
            "--dns01-recursive-nameservers-only", "--dns01-check-retry-period=1s",
            f"--default-issuer-name={default_issuer}", "--default-issuer-kind=ClusterIssuer"],
            environment)
        self.start("cainjector", [program, "cainjector", f"--kubeconfig={kubeconfig}"])

    @staticmethod
    def _cert_manager_rights():
        account = {"kind": "ServiceAccount", "name": "cert-manager", "namespace": "cert-manager"}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cert-manager"}},
            {"apiVersion": "v1", "kind": "ServiceAccount",
             "metadata": {"name": "cert-manager", "namespace": "cert-manager"}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
             "metadata": {"name": "cert-manager"}, "rules": CERT_MANAGER_RULES},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
             "metadata": {"name": "cert-manager"}, "subjects": [account],
             "roleRef": {**role, "name": "cert-manager"}},
        ]

    def _write_json(self, name, objects):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        return path

    # Commands

    def run(self, *command, stdin=None, check=True, environment=None, seconds=COMMAND_SECONDS,
            folder=None):
        """Runs a program of the cache or of the system; its standard output, and error when check."""
        done = subprocess.run(
            [str(part) for part in command], input=stdin, capture_output=True, text=True,
            env={**self.environment, **(environment or {})}, cwd=folder or self.folder,
            timeout=seconds, check=False)
        if not check:
            return done
        if done.returncode != 0:
            raise ProgramError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}".strip())
        return done.stdout

    def kubectl(self, *arguments, **options):
        return self.run(kubetools.program("kubectl"), *arguments, **options)

    def helm(self, *arguments, **options):
        return self.run(kubetools.program("helm"), *arguments, **options)

    def apply(self, *objects, namespace=None):
        """Creates or changes objects (dicts)."""
        options = ["--namespace", namespace] if namespace else []
        return self.kubectl("apply", *options, "-f", "-", stdin=json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def make_namespace(self, name, labels=None):
        self.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels or {}}})
        wait_until(lambda: self.api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default"), 30,
                   f"the default ServiceAccount of {name}")
        return name

    def is_available(self, apiservice):
        """Whether the API server reaches the server of an APIService."""
        found = self.api.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{apiservice}")
        conditions = (found or {}).get("status", {}).get("conditions", [])
        return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)

    def is_discovered(self, group):
        """Whether a request for the group's resources passes through the aggregator."""
        try:
            return self.api.get(f"/apis/{group}/v1alpha1")
        except (ApiError, OSError):
            return None


def in_own_network():
    """True in the process that the namespace was made for."""
    return bool(os.environ.get("DNS01D_OWN_NETWORK"))
