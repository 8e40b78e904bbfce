"""Certificates in a cluster of the tests: what is asked of cert-manager and what comes of it."""

import base64

from program import ProgramError, wait_until
from world import Certificate, run_openssl

ISSUE_SECONDS = 90


def acme_issuer(world, name, solver, namespace=None):
    """An Issuer of the world's certificate authority; a ClusterIssuer without a namespace."""
    meta = {"name": name}
    if namespace:
        meta["namespace"] = namespace
    return {"apiVersion": "cert-manager.io/v1", "kind": "Issuer" if namespace else "ClusterIssuer",
            "metadata": meta,
            "spec": {"acme": {
                "server": "https://{}:{}/dir".format(*world.pebble),
                "caBundle": base64.b64encode(world.pebble_certificate.read_bytes()).decode(),
                "email": "hostmaster@example.test",
                "privateKeySecretRef": {"name": f"{name}-account"},
                "solvers": [{"dns01": solver, "waitInsteadOfSelfCheck": "0s"}]}}}


def webhook_solver(group, config=None, solver="dns01d"):
    return {"webhook": {"groupName": group, "solverName": solver, "config": config or {}}}


def certificate(name, namespace, domains, issuer, kind="ClusterIssuer"):
    return {"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"secretName": name, "dnsNames": list(domains),
                     "privateKey": {"algorithm": "ECDSA", "size": 256},
                     "issuerRef": {"name": issuer, "kind": kind, "group": "cert-manager.io"}}}


def ingress(name, namespace, hosts, annotations):
    """An Ingress that asks for one certificate, in the Secret NAME-tls, for its hosts."""
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
            "spec": {"tls": [{"hosts": list(hosts), "secretName": f"{name}-tls"}],
                     "rules": [{"host": host, "http": {"paths": [{
                         "path": "/", "pathType": "Prefix", "backend": backend}]}}
                         for host in hosts]}}


def condition(found, kind):
    """The status ("True", "False", "Unknown") of a condition, None without one."""
    for item in (found or {}).get("status", {}).get("conditions", []):
        if item["type"] == kind:
            return item["status"]
    return None


def challenges(cluster, namespace):
    return cluster.api.items(f"/apis/acme.cert-manager.io/v1/namespaces/{namespace}/challenges")


def await_certificate(cluster, namespace, name, seconds=ISSUE_SECONDS):
    """Waits until a Certificate is ready. The error tells what cert-manager says of it."""
    path = f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates/{name}"
    try:
        wait_until(lambda: condition(cluster.api.get(path), "Ready") == "True", seconds,
                   f"Certificate {namespace}/{name}", cluster.programs["cert-manager"])
    except ProgramError as error:
        seen = cluster.kubectl("--namespace", namespace, "describe",
                               "certificate,order,challenge", check=False).stdout
        raise ProgramError(f"{error}\n{seen}") from error


def verify_secret(cluster, world, namespace, name, domains, folder):
    """The Secret holds a key and a chain of the world's authority for exactly domains."""
    secret = cluster.api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    files = {}
    for key in ("tls.crt", "tls.key"):
        files[key] = folder / f"{namespace}-{name}-{key}"
        files[key].write_bytes(base64.b64decode(secret["data"][key]))
    world.verify(Certificate(files["tls.crt"], files["tls.key"]), domains)
    return files["tls.crt"]


def certificate_text(cluster, namespace, name, path):
    """What a person looks at in the end: the Certificate, and the certificate in its Secret."""
    return "\n".join([
        f"$ kubectl --namespace {namespace} describe certificate {name}",
        cluster.kubectl("--namespace", namespace, "describe", "certificate", name),
        "$ openssl x509 -noout -text", run_openssl("x509", "-in", path, "-noout", "-text")])


def reasons(cluster, namespace):
    """The texts that cert-manager shows for the challenges of a namespace, without repeats."""
    return {item.get("status", {}).get("reason", "") for item in challenges(cluster, namespace)}
