"""Stands in for kubelet, kube-proxy and a cloud's load balancer: runs the pods of dns01d as processes.

A pod gets what its own specification says: files of ConfigMaps and Secrets where it mounts them, a
token of its own ServiceAccount, the environment of a pod, its probes. What differs from a node:

- the program is the one of this build, whatever the image is called;
- a mount at /x is a folder elsewhere, and `/x` in arguments and configuration is replaced by that;
- in place of address translation, dns01d listens on the addresses and ports of the Services that
  select its pod, besides the pod's own address.
"""

import base64
import collections
import http.client
import itertools
import json
import os
import pathlib
import re
import threading

import yaml

from dns01d import build_folder
from kubeapi import ApiError
from kubecluster import SERVER
from program import Program

NODE = "node-1"
POLL_SECONDS = 0.2
TOKEN_SECONDS = 3600
LOAD_BALANCER = "192.0.2.53"
ACCOUNT_FOLDER = "/run/secrets/kubernetes.io/serviceaccount"
# In the mount namespace of the pod; $0 holds the files of its ServiceAccount.
START = (f"mount -t tmpfs tmpfs /run && mkdir -p {ACCOUNT_FOLDER} && "
         f'mount --bind "$0" {ACCOUNT_FOLDER} && exec "$@"')


class Pod:
    """A pod that runs here."""

    def __init__(self, address, folder):
        self.address = address
        self.folder = folder
        self.process = None
        self.ready = None
        self.started = False
        # mount path -> folder; volumes that hold Secrets or ConfigMaps -> their last content
        self.mounts = {}
        self.contents = {}
        self.restarts = 0


class Kubelet:
    """One node. A context manager; its pods end with it. `pods` holds those that run, by name."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.api = cluster.api
        self.folder = cluster.folder / "node"
        self.folder.mkdir(exist_ok=True)
        self.pods = {}
        self.errors = collections.deque(maxlen=100)
        self._versions = itertools.count(1)
        self._addresses = iter(f"10.244.1.{number}" for number in range(1, 255))
        self._end = threading.Event()
        self._pause = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="kubelet")

    def __enter__(self):
        self.api.post("/api/v1/nodes", {"metadata": {"name": NODE}})
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._end.set()
        self._thread.join()
        for pod in self.pods.values():
            if pod.process is not None:
                pod.process.stop()

    def _run(self):
        while not self._end.wait(POLL_SECONDS):
            try:
                with self._pause:
                    self._give_addresses()
                    for found in self.api.items("/api/v1/pods"):
                        self._care_for(found)
            except (OSError, ApiError) as error:
                # Objects change and go while we look; the next round sees.
                self.errors.append(str(error))

    def held(self):
        """While this context is entered, nothing is started, stopped or probed."""
        return self._pause

    def _give_addresses(self):
        for service in self.api.items("/api/v1/services"):
            if service["spec"]["type"] == "LoadBalancer" and not service["status"]["loadBalancer"]:
                self.api.merge(_path(service, "services") + "/status", {
                    "status": {"loadBalancer": {"ingress": [{"ip": LOAD_BALANCER}]}}})

    def _care_for(self, found):
        name = found["metadata"]["name"]
        if found["metadata"].get("deletionTimestamp"):
            self._stop(name)
            self.api.delete(_path(found, "pods"), {"gracePeriodSeconds": 0})
        elif not found["spec"].get("nodeName"):
            self.api.post(_path(found, "pods") + "/binding", {
                "metadata": {"name": name}, "target": {"kind": "Node", "name": NODE}})
        elif name not in self.pods:
            self._try_start(found)
        else:
            self._watch(found, self.pods[name])

    def _stop(self, name):
        pod = self.pods.pop(name, None)
        if pod and pod.process is not None:
            pod.process.stop(20)

    # Start

    def _try_start(self, found):
        pod = Pod(next(self._addresses), self.folder / found["metadata"]["name"])
        if not self._mount(found, pod):
            return  # A Secret is not there yet.
        self._write_account(found, pod)
        self.pods[found["metadata"]["name"]] = pod
        self._start_process(found, pod)

    def _start_process(self, found, pod):
        container = found["spec"]["containers"][0]
        folder = pod.mounts["/etc/dns01d"]
        config = yaml.safe_load((folder / "dns01d.yaml").read_text())
        self._listen(found, pod, config)
        path = pod.folder / "dns01d.json"
        path.write_text(self._replace(pod, json.dumps(config, indent=2)))
        arguments = [str(path) if part == "/etc/dns01d/dns01d.yaml" else self._replace(pod, part)
                     for part in container["args"]]
        environment = {name: value for name, value in os.environ.items()
                       if name.endswith("SAN_OPTIONS")}
        environment.update({"PATH": "/usr/bin:/bin", "KUBERNETES_SERVICE_HOST": SERVER,
                            "KUBERNETES_SERVICE_PORT": str(self.cluster.port)})
        environment.update({item["name"]: item.get("value", "") for item in container.get("env", [])})
        pod.process = Program(f"pod-{found['metadata']['name']}", [
            "unshare", "--mount", "sh", "-c", START, pod.folder / "account",
            build_folder().resolve() / "dns01d", *arguments], pod.folder, environment)

    @staticmethod
    def _replace(pod, text):
        """Paths in the pod become paths here."""
        paths = "|".join(re.escape(path) for path in sorted(pod.mounts, key=len, reverse=True))
        return re.sub(rf"(?<![\w/.-])({paths})(?![\w.-])", lambda m: str(pod.mounts[m[1]]), text)

    def _mount(self, found, pod):
        """Makes the folders of the pod's mounts. False when something is missing."""
        volumes = {volume["name"]: volume for volume in found["spec"].get("volumes", [])}
        for mount in found["spec"]["containers"][0].get("volumeMounts", []):
            volume = volumes[mount["name"]]
            if mount["mountPath"].startswith("/var/run/secrets/"):
                continue
            folder = pod.folder / volume["name"]
            if "persistentVolumeClaim" in volume:
                folder = self.folder / f"claim-{volume['persistentVolumeClaim']['claimName']}"
            folder.mkdir(parents=True, exist_ok=True)
            content = self._content(found["metadata"]["namespace"], volume)
            if content is None:
                return False
            self._write(folder, content)
            pod.mounts[mount["mountPath"]] = folder
            pod.contents[volume["name"]] = content
        return True

    def _content(self, namespace, volume):
        """The files of a volume; {} for one that the pod writes, None where the object is missing."""
        if "configMap" in volume:
            found = self.api.get(f"/api/v1/namespaces/{namespace}/configmaps/"
                                 f"{volume['configMap']['name']}")
            return found and {name: text.encode() for name, text in found["data"].items()}
        if "secret" in volume:
            found = self.api.get(f"/api/v1/namespaces/{namespace}/secrets/"
                                 f"{volume['secret']['secretName']}")
            return found and {name: base64.b64decode(text) for name, text in found["data"].items()}
        return {}

    def _write(self, folder, content):
        """Replaces all files at once, as a kubelet does: `..data` is a link that is renamed."""
        if not content:
            return
        version = f"..{next(self._versions)}"
        (folder / version).mkdir()
        for name, octets in content.items():
            path = folder / version / name
            path.write_bytes(octets)
            path.chmod(0o440)
        link = folder / "..next"
        link.symlink_to(version)
        link.rename(folder / "..data")
        for name in content:
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(f"..data/{name}")

    def _write_account(self, found, pod):
        """The files of the pod's ServiceAccount; none where it mounts no token."""
        folder = pod.folder / "account"
        folder.mkdir(parents=True, exist_ok=True)
        spec = found["spec"]
        if not spec.get("automountServiceAccountToken", True):
            return
        namespace = found["metadata"]["namespace"]
        token = self.api.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{spec['serviceAccountName']}/token", {
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"expirationSeconds": TOKEN_SECONDS, "boundObjectRef": {
                    "kind": "Pod", "apiVersion": "v1", "name": found["metadata"]["name"],
                    "uid": found["metadata"]["uid"]}}})
        self._write(folder, {"token": token["status"]["token"].encode(),
                             "namespace": namespace.encode(),
                             "ca.crt": pathlib.Path(self.cluster.authority.certificate).read_bytes()})

    # What kube-proxy would do

    def _listen(self, found, pod, config):
        """Puts the addresses of Services beside the pod's own in the configuration's listeners."""
        routes = self._routes(found)
        ports = {item["name"]: item["containerPort"]
                 for item in found["spec"]["containers"][0]["ports"]}
        for section, name in (("dns", "dns-udp"), ("webhook", "https"), ("api", "api"),
                              ("metrics", "metrics")):
            if name in ports and config.get(section, {}).get("listen"):
                config[section]["listen"] = [f"{pod.address}:{ports[name]}", *routes.get(name, [])]

    def _routes(self, found):
        """Name of a container's port -> ADDRESS:PORT of the Services that lead to it."""
        routes = collections.defaultdict(list)
        labels = found["metadata"]["labels"]
        for service in self.api.items(
                f"/api/v1/namespaces/{found['metadata']['namespace']}/services"):
            spec = service["spec"]
            selector = spec.get("selector") or {}
            if not selector or any(labels.get(key) != value for key, value in selector.items()):
                continue
            addresses = [address for address in spec.get("clusterIPs", []) if address != "None"]
            addresses += [item["ip"] for item in service["status"]["loadBalancer"].get("ingress", [])]
            for port in spec["ports"]:
                routes[port["targetPort"]] += [f"{address}:{port['port']}" for address in addresses]
        return routes

    # While it runs

    def _watch(self, found, pod):
        if pod.process.status is not None:
            pod.restarts += 1
            pod.started = False
            self._start_process(found, pod)
        volumes = {volume["name"]: volume for volume in found["spec"].get("volumes", [])}
        for name, before in pod.contents.items():
            content = self._content(found["metadata"]["namespace"], volumes[name])
            if content and content != before:
                pod.contents[name] = content
                self._write(pod.folder / name, content)
        container = found["spec"]["containers"][0]
        pod.started = pod.started or self._probe(container, pod, "startupProbe")
        ready = pod.started and self._probe(container, pod, "readinessProbe")
        if ready != pod.ready:
            pod.ready = ready
            self._report(found, pod)

    @staticmethod
    def _probe(container, pod, kind):
        probe = container[kind]["httpGet"]
        port = next(item["containerPort"] for item in container["ports"]
                    if item["name"] == probe["port"])
        connection = http.client.HTTPConnection(pod.address, port, timeout=2)
        try:
            connection.request("GET", probe["path"])
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _report(self, found, pod):
        status = "True" if pod.ready else "False"
        container = found["spec"]["containers"][0]
        self.api.merge(_path(found, "pods") + "/status", {"status": {
            "phase": "Running", "podIP": pod.address, "podIPs": [{"ip": pod.address}],
            "conditions": [{"type": kind, "status": status}
                           for kind in ("Initialized", "ContainersReady", "Ready", "PodScheduled")],
            "containerStatuses": [{
                "name": container["name"], "image": container["image"], "imageID": "", "ready":
                pod.ready, "restartCount": pod.restarts, "state": {"running": {}}}]}})


def _path(found, plural):
    meta = found["metadata"]
    return f"/api/v1/namespaces/{meta['namespace']}/{plural}/{meta['name']}"
