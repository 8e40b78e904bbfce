"""A fake Kubernetes API and a fake aggregator, which say and ask what the real ones were seen to.

FakeApi serves over HTTPS what dns01d asks for: the ConfigMap extension-apiserver-authentication
(list and watch), SubjectAccessReviews and Secrets, to who shows the current token. FakeAggregator
asks dns01d as kube-apiserver does: through TLS with a client certificate of the front proxy, and
X-Remote-* headers.
"""

import http.client
import http.server
import json
import socket
import ssl
import threading
import urllib.parse

from certificates import Authority
from program import free_address

SECONDS = 20
CONFIGMAP = "extension-apiserver-authentication"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices/"
CERT_MANAGER = "system:serviceaccount:cert-manager:cert-manager"


def status_body(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code}


class FakeApi:
    """The API server: its state is plain attributes, changed under `lock`; `requests` is its log."""

    def __init__(self, folder, authority):
        self.address = free_address()
        self.lock = threading.Condition()
        self.version = 100
        self.data = None              # Of the ConfigMap; None: there is none.
        self.token = "first-token"
        self.secrets = {}             # (namespace, name): {key: base64}; absent: 404.
        self.forbidden_secrets = set()
        self.review = lambda spec: {"allowed": True}
        self.review_status = 201
        self.csrs = {}                # name: the CertificateSigningRequest.
        self.apiservices = {}         # name: its spec.
        self.watch_gone = False       # Answer the next watch with 410.
        self.throttle = 0             # Answer that many requests with 429 and Retry-After.
        self.requests = []
        self.watches = 0              # Open now.
        self.closed = False
        certificate, key = authority.server("apiserver", f"IP:{self.address}", "DNS:kubernetes")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        handler = type("Handler", (Handler,), {"api": self})
        self.server = http.server.ThreadingHTTPServer((self.address, 0), handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.token_file = folder / "token"
        self.token_file.write_text(self.token)
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
            "clusters:\n- name: fake\n  cluster:\n"
            f"    server: https://{self.address}:{self.port}\n"
            f"    certificate-authority: {authority.certificate}\n"
            "users:\n- name: dns01d\n  user:\n"
            f"    tokenFile: {self.token_file.name}\n"
            "contexts:\n- name: here\n  context: {cluster: fake, user: dns01d}\n")

    def set_data(self, **data):
        """Changes the ConfigMap; texts, or lists that are written as JSON."""
        with self.lock:
            self.version += 1
            self.data = {key: value if isinstance(value, str) else json.dumps(value)
                         for key, value in ((key.replace("_", "-"), value)
                                            for key, value in data.items())}
            self.lock.notify_all()

    def configmap(self):
        return {"kind": "ConfigMap", "apiVersion": "v1",
                "metadata": {"name": CONFIGMAP, "namespace": "kube-system",
                             "resourceVersion": str(self.version)},
                "data": self.data}

    def count(self, path):
        return sum(request[1].startswith(path) for request in self.requests)

    def close(self):
        with self.lock:
            self.closed = True
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api = None

    def log_message(self, *arguments):
        pass

    def reply(self, status, body, headers=None):
        octets = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(octets)

    def answer(self):
        api = self.api
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        api.requests.append((self.command, self.path, body))
        if self.headers.get("Authorization") != f"Bearer {api.token}":
            self.reply(401, status_body(401, "Unauthorized", "Unauthorized"))
        elif api.throttle > 0:
            api.throttle -= 1
            self.reply(429, status_body(429, "TooManyRequests", "slow down"), {"Retry-After": "1"})
        elif url.path == "/api/v1/namespaces/kube-system/configmaps":
            self.configmaps(query)
        elif url.path == f"/api/v1/namespaces/kube-system/configmaps/{CONFIGMAP}":
            self.reply(200, api.configmap())
        elif url.path == "/apis/authorization.k8s.io/v1/subjectaccessreviews":
            self.review(body)
        elif url.path.startswith(CSRS):
            self.csr(url.path.removeprefix(CSRS).strip("/"), body)
        elif url.path.startswith(APISERVICES):
            self.apiservice(url.path.removeprefix(APISERVICES), body)
        elif url.path.endswith("/secrets") and self.command == "POST":
            self.new_secret(url.path.split("/")[4], body)
        elif "/secrets/" in url.path:
            self.secret(url.path.split("/"), body)
        else:
            self.reply(404, status_body(404, "NotFound", "not found"))

    do_GET = answer
    do_POST = answer
    do_PUT = answer
    do_PATCH = answer

    def configmaps(self, query):
        api = self.api
        if query.get("fieldSelector") != f"metadata.name={CONFIGMAP}":
            self.reply(403, status_body(403, "Forbidden", "the Role names one ConfigMap"))
        elif "sendInitialEvents" in query:  # As an API server that has not got this yet.
            self.reply(422, status_body(422, "Invalid", "sendInitialEvents is not known"))
        elif "watch" in query:
            self.watch(int(query["resourceVersion"]))
        else:
            with api.lock:
                self.reply(200, {"kind": "ConfigMapList", "apiVersion": "v1",
                                 "metadata": {"resourceVersion": str(api.version)},
                                 "items": [api.configmap()] if api.data is not None else []})

    def watch(self, version):
        api = self.api
        if api.watch_gone:
            api.watch_gone = False
            self.reply(410, status_body(410, "Expired", "too old resource version"))
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        api.watches += 1
        try:
            while not api.closed:
                with api.lock:
                    event = None
                    if api.version > version:
                        version = api.version
                        event = {"type": "MODIFIED", "object": api.configmap()}
                        if api.watch_gone:
                            api.watch_gone = False
                            event = {"type": "ERROR",
                                     "object": status_body(410, "Expired", "too old")}
                    else:
                        api.lock.wait(5)
                if event is not None:
                    self.chunk(json.dumps(event) + "\n")
        finally:
            api.watches -= 1

    def chunk(self, text):
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
        self.wfile.flush()

    def review(self, body):
        api = self.api
        spec = body["spec"]
        result = api.review(spec)
        self.reply(api.review_status, {**body, "status": result})

    def new_secret(self, namespace, body):
        place = namespace, body["metadata"]["name"]
        if place in self.api.secrets:
            self.reply(409, status_body(409, "AlreadyExists", "it exists already"))
        else:
            self.api.secrets[place] = body["data"]
            self.reply(201, body)

    def csr(self, name, body):
        api = self.api
        if self.command == "POST":
            name = f"{body['metadata']['generateName']}{len(api.csrs)}"
            api.csrs[name] = {**body, "metadata": {"name": name}, "status": {}}
        if name in api.csrs:
            self.reply(201 if self.command == "POST" else 200, api.csrs[name])
        else:
            self.reply(404, status_body(404, "NotFound", f"{name} not found"))

    def apiservice(self, name, body):
        api = self.api
        if name not in api.apiservices:
            self.reply(404, status_body(404, "NotFound", f"apiservices {name} not found"))
            return
        if self.command == "PATCH":
            assert self.headers["Content-Type"] == "application/merge-patch+json"
            api.apiservices[name].update(body["spec"])
        self.reply(200, {"metadata": {"name": name}, "spec": api.apiservices[name]})

    def secret(self, parts, body):
        api = self.api
        place = parts[4], parts[6]
        if self.command == "PUT" and body["metadata"].get("resourceVersion") != "7":
            self.reply(409, status_body(409, "Conflict", "it was changed meanwhile"))
        elif self.command == "PUT":
            api.secrets[place] = body["data"]
            self.reply(200, body)
        elif place in api.forbidden_secrets:
            self.reply(403, status_body(403, "Forbidden", f"secrets {parts[6]} is forbidden"))
        elif place not in api.secrets:
            self.reply(404, status_body(404, "NotFound", f"secrets {parts[6]} not found"))
        else:
            self.reply(200, {"kind": "Secret", "apiVersion": "v1",
                             "metadata": {"name": parts[6], "namespace": parts[4],
                                          "resourceVersion": "7"},
                             "data": api.secrets[place]})


class FakeAggregator:
    """kube-apiserver's side towards dns01d."""

    def __init__(self, address, port, ca, certificate=None):
        self.address, self.port = address, port
        self.context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            self.context.load_cert_chain(*certificate)

    def connect(self):
        plain = socket.create_connection((self.address, self.port), SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # As Go does.
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=SECONDS)
        connection.sock = self.context.wrap_socket(
            plain, server_hostname="dns01d-webhook.cert-manager.svc")
        return connection

    def request(self, method, path, body=None, headers=None, connection=None):
        """(status, headers, body as text)."""
        own = connection is None
        connection = connection or self.connect()
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        if own:
            connection.close()
        return response.status, response.headers, text

    def get(self, path, accept=None, user="system:kube-aggregator", groups=("system:masters",)):
        headers = [("X-Remote-User", user), *(("X-Remote-Group", group) for group in groups)]
        if accept is not None:
            headers.append(("Accept", accept))
        return self.with_headers("GET", path, headers)

    def with_headers(self, method, path, headers, body=None):
        """Headers that may repeat, as X-Remote-Group does."""
        connection = self.connect()
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, response.headers, text

    def post(self, path, payload, user=CERT_MANAGER, extra=()):
        """A challenge as cert-manager's arrives: no kind, no apiVersion."""
        body = payload if isinstance(payload, bytes) else (json.dumps(payload) + "\n").encode()
        headers = [("User-Agent", "cert-manager-challenges/v1.21.1"),
                   ("Accept", "application/json, */*"), ("Accept-Encoding", "gzip"),
                   ("Audit-Id", "50714f88-0000-0000-0000-000000000000"),
                   ("Content-Type", "application/json"), ("X-Forwarded-For", "127.0.0.1"),
                   ("X-Forwarded-Proto", "https"), ("X-Forwarded-Uri", path),
                   ("X-Remote-User", user), ("X-Remote-Group", "system:serviceaccounts"),
                   ("X-Remote-Group", "system:authenticated"),
                   ("X-Remote-Extra-Authentication.kubernetes.io%2fcredential-Id", "X509SHA256=1"),
                   *extra]
        return self.with_headers("POST", path, headers, body)


class Cluster:
    """Authorities and servers of a fake cluster in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.users = Authority(folder / "users", "kubernetes-ca")
        self.front = Authority(folder / "front", "front-proxy-ca")
        self.webhook = Authority(folder / "webhook", "webhook-ca")
        self.proxy = self.front.identity("proxy", "front-proxy-client")
        self.serving = self.webhook.server("serving", "DNS:dns01d-webhook.cert-manager.svc")
        self.api = FakeApi(folder, self.users)
        self.trust()

    def trust(self, **changes):
        """Sets the ConfigMap to what a cluster has, with changes."""
        self.api.set_data(**{
            "client_ca_file": self.users.pem,
            "requestheader_client_ca_file": self.front.pem,
            "requestheader_allowed_names": ["front-proxy-client"],
            "requestheader_username_headers": ["X-Remote-User"],
            "requestheader_group_headers": ["X-Remote-Group"],
            "requestheader_extra_headers_prefix": ["X-Remote-Extra-"],
            **changes})

    def settings(self, listen, **changes):
        """The `webhook` part of dns01d's configuration."""
        return {"listen": [listen], "kubeconfig": str(self.api.kubeconfig),
                "tls": {"certificate": str(self.serving[0]), "key": str(self.serving[1])},
                **changes}

    def aggregator(self, address, port, certificate="proxy"):
        return FakeAggregator(address, port, self.webhook.certificate,
                              self.proxy if certificate == "proxy" else certificate)
