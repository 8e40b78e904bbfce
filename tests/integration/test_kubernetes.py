"""The cert-manager webhook, asked by a fake aggregator that does what kube-apiserver was seen to."""

import json
import urllib.parse

import pytest

from dns01d import Dns01d
from dnsask import ask
from fake_kubernetes import Cluster
from program import free_port, wait_until

READY_SECONDS = 20
GROUP = "acme.dns01d.dev"
PATH = f"/apis/{GROUP}/v1alpha1/dns01d"
V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
NAME = "_acme-challenge.www.auth.example.test"
POLICY = [{"namespaces": ["tenant-a"], "names": ["**.a.auth.example.test"],
           "owners": ["x7.auth.example.test"]},
          {"namespaces": ["shared"], "names": ["**"], "providers": ["my-pdns"]}]


class Webhook:
    """dns01d with its webhook, in a fake cluster."""

    def __init__(self, folder, **settings):
        self.cluster = Cluster(folder)
        self.server = Dns01d(folder / "dns01d")
        self.port = free_port(self.server.address)
        # Itself: names that are not ours get an answer, and nobody outside is asked.
        self.server.config["resolver"] = {
            "servers": [f"{self.server.address}:{self.server.dns_port}"]}
        self.server.config["webhook"] = self.cluster.settings(
            f"{self.server.address}:{self.port}", **settings)
        self.aggregator = self.cluster.aggregator(self.server.address, self.port)

    def __enter__(self):
        self.server.start()
        wait_until(self.is_ready, READY_SECONDS, "the webhook is not ready")
        return self

    def __exit__(self, *exception):
        self.server.__exit__(*exception)
        self.cluster.api.close()

    def is_ready(self):
        return self.aggregator.get("/readyz")[0] == 200

    def with_certificate(self, certificate):
        return self.cluster.aggregator(self.server.address, self.port, certificate)

    def present(self, name=NAME, key="ok1", action="Present", **more):
        """(status, ChallengeResponse or the whole body)."""
        status, _headers, text = self.aggregator.post(
            PATH, {"request": payload(name, key, action, **more)})
        body = json.loads(text)
        return status, body.get("response", body)

    def message(self, **more):
        """The message of a challenge that is refused, which is the same when it is asked again."""
        status, response = self.present(**more)
        assert status == 201 and response["success"] is False
        assert self.present(**more)[1] == response
        assert response["status"]["status"] == "Failure"
        return response["status"]["message"]

    def values(self, name=NAME):
        answer = ask((self.server.address, self.server.dns_port), name, "TXT")
        return sorted(text.decode() for rrset in answer.answer for record in rrset
                      for text in record.strings)


def payload(name=NAME, key="ok1", action="Present", **more):
    """A request as cert-manager makes it; config as given."""
    return {"uid": "", "action": action, "type": "dns-01", "dnsName": "example.com", "key": key,
            "resourceNamespace": "cert-manager", "resolvedFQDN": f"{name}.",
            "resolvedZone": "example.com.", "allowAmbientCredentials": True, "config": {}, **more}


@pytest.fixture(scope="module")
def webhook(tmp_path_factory):
    with Webhook(tmp_path_factory.mktemp("webhook"),
                 **{"also-serve": [{"group": "acme.old.example", "solver": "old"},
                                   {"group": GROUP, "solver": "second"}]}) as running:
        yield running


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    with Webhook(tmp_path_factory.mktemp("ruled"), policy=POLICY) as running:
        yield running


# ---- Present and CleanUp ----

def test_present_and_cleanup(webhook):
    assert webhook.present(key="one") == (201, {"uid": "", "success": True})
    assert webhook.values() == ["one"]
    assert webhook.present(key="one")[1]["success"] is True
    assert webhook.present(key="two")[1]["success"] is True
    assert webhook.values() == ["one", "two"]
    assert webhook.present(key="two", action="CleanUp")[1]["success"] is True
    assert webhook.values() == ["one"]
    assert webhook.present(key="one", action="CleanUp")[1]["success"] is True
    assert webhook.values() == []
    assert webhook.present(key="one", action="CleanUp")[1]["success"] is True


def test_owner_is_the_namespace(webhook):
    webhook.present(key="owned", resourceNamespace="team-1")
    webhook.present(key="owned", resourceNamespace="team-2", action="CleanUp")
    assert webhook.values() == ["owned"]
    webhook.present(key="owned", resourceNamespace="team-1", action="CleanUp")
    assert webhook.values() == []


def test_uid_is_echoed(webhook):
    assert webhook.present(uid="7c6f", action="CleanUp")[1]["uid"] == "7c6f"


@pytest.mark.parametrize("more", [
    {}, {"kind": "ChallengePayload", "apiVersion": "webhook.acme.cert-manager.io/v1alpha1"},
    {"kind": "ChallengePayload", "apiVersion": f"{GROUP}/v1alpha1"}])
def test_kind_does_not_matter(webhook, more):
    status, _headers, text = webhook.aggregator.post(
        PATH, {**more, "request": payload(action="CleanUp")})
    assert status == 201 and json.loads(text)["response"]["success"] is True


def test_query_and_chunks(webhook):
    body = json.dumps({"request": payload(action="CleanUp")}).encode()
    connection = webhook.aggregator.connect()
    connection.request("POST", f"{PATH}?fieldManager=kubectl-create&fieldValidation=Strict",
                       iter([body[:10], body[10:]]), {"X-Remote-User": "admin"},
                       encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 201 and json.loads(response.read())["response"]["success"] is True
    connection.close()


@pytest.mark.parametrize("path", ["/apis/acme.old.example/v1alpha1/old",
                                  f"/apis/{GROUP}/v1alpha1/second"])
def test_also_serve(webhook, path):
    status, _headers, text = webhook.aggregator.post(path, {"request": payload(action="CleanUp")})
    assert status == 201 and json.loads(text)["response"]["success"] is True


def test_timeline_and_metrics(webhook):
    webhook.present(key="told")
    webhook.present(key="told", action="CleanUp")
    metrics = webhook.server.metrics()
    assert 'dns01d_webhook_requests_total{result="done"}' in metrics
    assert 'dns01d_present_duration_seconds_count{door="kubernetes"}' in metrics


# ---- Discovery, as it was seen ----

@pytest.mark.parametrize("accept, version", [
    (V2, "v2"), (f"{V2},application/json", "v2"), (f"{V2BETA1},application/json", "v2beta1"),
    (f"{V2},{V2BETA1}", "v2")])
def test_aggregated_discovery(webhook, accept, version):
    status, headers, text = webhook.aggregator.get("/apis", accept)
    body = json.loads(text)
    assert status == 200
    assert headers["Content-Type"] == (
        f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")
    assert body["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    groups = {item["metadata"]["name"]: item["versions"] for item in body["items"]}
    assert sorted(groups) == [GROUP, "acme.old.example"]
    resources = groups[GROUP][0]["resources"]
    assert [resource["resource"] for resource in resources] == ["dns01d", "second"]
    assert all(resource["verbs"] == ["create"] for resource in resources)
    assert groups[GROUP][0]["freshness"] == "Current"


def test_legacy_discovery(webhook):
    status, headers, text = webhook.aggregator.get("/apis", "application/json")
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert [group["name"] for group in json.loads(text)["groups"]] == [GROUP, "acme.old.example"]
    group = json.loads(webhook.aggregator.get(f"/apis/{GROUP}")[2])
    assert group["preferredVersion"]["groupVersion"] == f"{GROUP}/v1alpha1"
    resources = json.loads(webhook.aggregator.get(f"/apis/{GROUP}/v1alpha1")[2])
    assert resources["groupVersion"] == f"{GROUP}/v1alpha1"
    assert [(r["name"], r["namespaced"], r["verbs"]) for r in resources["resources"]] == [
        ("dns01d", False, ["create"]), ("second", False, ["create"])]


def test_openapi(webhook):
    user = {"user": "system:aggregator", "groups": ()}
    assert json.loads(webhook.aggregator.get("/openapi/v2", **user)[2])["swagger"] == "2.0"
    paths = json.loads(webhook.aggregator.get("/openapi/v3", **user)[2])["paths"]
    assert sorted(paths) == [f"apis/{GROUP}/v1alpha1", "apis/acme.old.example/v1alpha1"]
    for entry in paths.values():
        path = urllib.parse.urlsplit(entry["serverRelativeURL"]).path
        assert json.loads(webhook.aggregator.get(path, **user)[2])["openapi"] == "3.0.0"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/apis",
                                  f"/apis/{GROUP}/v1alpha1", "/openapi/v2"])
def test_open_to_probes_without_identity(webhook, path):
    assert webhook.with_certificate(None).request("GET", path)[0] == 200


def test_five_probes_at_once(webhook):
    connections = [webhook.aggregator.connect() for _i in range(5)]
    for connection in connections:
        connection.request("GET", f"/apis/{GROUP}/v1alpha1")
    assert [connection.getresponse().status for connection in connections] == [200] * 5
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("method, path, code, reason, allow", [
    ("GET", "/", 404, "NotFound", None),
    ("GET", "/apis/other.example/v1alpha1", 404, "NotFound", None),
    ("GET", f"/apis/{GROUP}/v1beta1", 404, "NotFound", None),
    ("POST", f"/apis/{GROUP}/v1alpha1/other", 404, "NotFound", None),
    ("GET", PATH, 405, "MethodNotAllowed", "POST"),
    ("DELETE", PATH, 405, "MethodNotAllowed", "POST"),
    ("PUT", "/apis", 405, "MethodNotAllowed", "GET, HEAD")])
def test_errors_are_a_status(webhook, method, path, code, reason, allow):
    status, headers, text = webhook.aggregator.request(method, path)
    body = json.loads(text)
    assert status == code and headers.get("Allow") == allow
    assert (body["kind"], body["status"], body["code"], body["reason"]) == (
        "Status", "Failure", code, reason)


# ---- Who asks ----

FORGED = (("X-Remote-Group", "system:masters"),)


def post_with(webhook, certificate):
    status, _headers, text = webhook.with_certificate(certificate).post(
        PATH, {"request": payload()}, user="system:admin", extra=FORGED)
    return status, json.loads(text)


def test_no_certificate(webhook):
    status, body = post_with(webhook, None)
    assert status == 401 and "response" not in body and body["reason"] == "Unauthorized"
    assert webhook.values() == []


def test_certificate_of_users_authority(webhook):
    """What any user of the cluster has; its name is even the front proxy's."""
    certificate = webhook.cluster.users.identity("user", "front-proxy-client")
    assert post_with(webhook, certificate)[0] == 401


def test_certificate_with_another_name(webhook):
    assert post_with(webhook, webhook.cluster.front.identity("other", "other-client"))[0] == 401


def test_certificate_with_two_names(webhook):
    certificate = webhook.cluster.front.issue(
        "two", "/CN=front-proxy-client/CN=other", ["extendedKeyUsage=clientAuth"])
    assert post_with(webhook, certificate)[0] == 401


def test_certificate_for_servers(webhook):
    certificate = webhook.cluster.front.identity("server", "front-proxy-client", "serverAuth")
    assert post_with(webhook, certificate)[0] == 401


def test_no_user(webhook):
    status, _headers, _text = webhook.aggregator.request(
        "POST", PATH, json.dumps({"request": payload()}), {"X-Remote-Group": "system:masters"})
    assert status == 401


def test_review_asks_for_the_user(webhook):
    seen = []

    def review(spec):
        seen.append(spec)
        return {"allowed": True}
    webhook.cluster.api.review = review
    status, _headers, _text = webhook.aggregator.post(
        PATH, {"request": payload(action="CleanUp")}, user="somebody", extra=(
            ("X-Remote-Uid", "42"), ("X-Remote-Extra-Scopes", "a"), ("X-Remote-Extra-Scopes", "b")))
    assert status == 201
    assert seen == [{
        "user": "somebody", "groups": ["system:serviceaccounts", "system:authenticated"],
        "extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=1"],
                  "scopes": ["a", "b"]},
        "resourceAttributes": {"group": GROUP, "version": "v1alpha1", "resource": "dns01d",
                               "verb": "create"}}]
    # Remembered for a while.
    webhook.aggregator.post(PATH, {"request": payload(action="CleanUp")}, user="somebody", extra=(
        ("X-Remote-Extra-Scopes", "a"), ("X-Remote-Extra-Scopes", "b")))
    assert len(seen) == 1


def test_masters_are_not_reviewed(webhook):
    before = webhook.cluster.api.count("/apis/authorization")
    status, _headers, _text = webhook.aggregator.post(
        PATH, {"request": payload(action="CleanUp")}, user="root", extra=FORGED)
    assert status == 201 and webhook.cluster.api.count("/apis/authorization") == before


@pytest.mark.parametrize("user, result, status", [
    ("denied", {"allowed": False}, 201), ("doubtful", {"allowed": True, "denied": True}, 201),
    ("broken", {}, 201), ("failing", {"allowed": True}, 500), ("odd", {"allowed": "true"}, 201),
    ("forbidden", {"allowed": True}, 403)])
def test_review_says_no(webhook, user, result, status):
    webhook.cluster.api.review = lambda spec: result
    webhook.cluster.api.review_status = status
    try:
        code, _headers, text = webhook.aggregator.post(PATH, {"request": payload()}, user=user)
    finally:
        webhook.cluster.api.review = lambda spec: {"allowed": True}
        webhook.cluster.api.review_status = 201
    assert code == 403 and json.loads(text)["reason"] == "Forbidden"
    assert webhook.values() == []


# ---- What is asked ----

@pytest.mark.parametrize("body, said", [
    (b"", "JSON"), (b"{", "JSON"), (b"[]", "JSON object"), (b"{}", "no request"),
    (b'{"request": null}', "no request"), (b'{"request": []}', "no request"),
    (b'{"request": {}}', "action"), (b'{"request": {"action": "present"}}', "action"),
    (b'{"request": {"action": "Present", "Action": "CleanUp"}}', "twice"),
    (b"[" * 4000, "nests"), (b'{"request": ' + b'{"a":' * 40 + b"1" + b"}" * 41, "nests")])
def test_no_challenge(webhook, body, said):
    status, _headers, text = webhook.aggregator.post(PATH, body)
    reply = json.loads(text)
    assert status == 400 and reply["reason"] == "BadRequest" and said in reply["message"]


def test_too_large(webhook):
    status, _headers, text = webhook.aggregator.post(
        PATH, {"request": payload(config={"settings": {"a": "x" * 70000}})})
    assert status == 413 and "shorten" in json.loads(text)["message"]


@pytest.mark.parametrize("more, said", [
    ({"resolvedFQDN": ""}, "resolvedFQDN"), ({"resolvedFQDN": None}, "resolvedFQDN"),
    ({"resolvedFQDN": "a..b."}, "resolvedFQDN"), ({"key": ""}, "key"), ({"key": 1}, "key"),
    ({"key": "x" * 256}, "key"), ({"resourceNamespace": "../x"}, "resourceNamespace"),
    ({"resourceNamespace": ""}, "resourceNamespace"), ({"type": "http-01"}, "dns-01"),
    ({"name": "_acme-challenge.not-ours.example"}, "delegate the name to dns01d"),
    ({"config": []}, "must be an object"), ({"config": "x"}, "must be an object"),
    ({"config": {"zone": "example.org"}}, "provider is missing"),
    ({"config": {"apiTokenSecretRef": {}}}, 'unknown key "apiTokenSecretRef"'),
    ({"config": {"provider": "cloudflare"}}, "needs secretRef"),
    ({"config": {"provider": "../x", "secretRef": {"name": "a"}}}, "name of a provider"),
    ({"config": {"provider": "a", "ttl": 0, "secretRef": {"name": "a"}}}, "ttl must be"),
    ({"config": {"provider": "a", "zone": "a..b", "secretRef": {"name": "a"}}}, "zone must be"),
    ({"config": {"provider": "a", "secretRef": {"name": "a", "namespace": "kube-system"}}},
     "Issuer's own namespace"),
    ({"config": {"provider": "a", "secretRef": {"name": "a/b"}}}, "name of a Secret"),
    ({"config": {"provider": "a", "secretRef": {"name": "a", "kay": "b"}}},
     'unknown key "kay" in secretRef'),
    ({"config": {"provider": "a", "secretRef": {"name": "a", "key": "b", "keys": {"c": "d"}}}},
     "both key and keys"),
    ({"config": {"provider": "a", "secretRef": {"name": "a", "keys": {"x-file": "d"}}}},
     "not a setting's name"),
    ({"config": {"provider": "a", "secretRef": {"name": "a"},
                 "settings": {"api-token-file": "/etc/shadow"}}}, "cannot name files"),
    ({"config": {"provider": "a", "secretRef": {"name": "a"}, "settings": {"exec": "/bin/sh"}}},
     "cannot name files, programs"),
    ({"config": {"provider": "a", "secretRef": {"name": "a"}, "settings": {"a": {}}}},
     "settings.a must be"),
    ({"config": {"account": "x", "settings": {"base-url": "https://evil.example"}}},
     "account cannot be used together"),
    ({"config": {"account": "my-pdns"}}, "account my-pdns is not set up in `providers`"),
])
def test_bad_challenge(webhook, more, said):
    assert said in webhook.message(**more)


# ---- Secrets ----

def secret_config(**reference):
    return {"provider": "nonesuch", "secretRef": {"name": "cf", **reference}}


@pytest.mark.parametrize("secret, reference, said", [
    (None, {}, "Secret cf does not exist in namespace tenant"),
    ("forbidden", {}, "may not read Secret cf in namespace tenant"),
    ({}, {"key": "token"}, 'Secret cf has no key "token"'),
    ({"token": "////"}, {"key": "token"}, "is not a text"),
    ({"other": "YQ=="}, {"keys": {"api-token": "token"}}, 'has no key "token"'),
    ({"Api Token": "YQ=="}, {}, 'key "Api Token" is not a setting\'s name'),
    ({"token": "YQ=="}, {"key": "token"}, 'no provider "nonesuch"'),
    ({"token": "YQ=="}, {"keys": {"api-token": "token"}}, 'no provider "nonesuch"'),
    ({"api-token": "YQ=="}, {}, 'no provider "nonesuch"')])
def test_secret(webhook, secret, reference, said):
    api = webhook.cluster.api
    api.secrets.clear()
    api.forbidden_secrets.clear()
    if secret == "forbidden":
        api.forbidden_secrets.add(("tenant", "cf"))
    elif secret is not None:
        api.secrets[("tenant", "cf")] = secret
    assert said in webhook.message(resourceNamespace="tenant", config=secret_config(**reference))
    asked = [path for _method, path, _body in api.requests if "/secrets/" in path]
    assert set(asked) == {"/api/v1/namespaces/tenant/secrets/cf"}


def test_cleanup_of_what_was_never_presented(webhook):
    """Or the Challenge, and with it its namespace, could never go."""
    for config in ({"nonsense": 1}, secret_config(), {"account": "my-pdns"}):
        assert webhook.present(action="CleanUp", config=config)[1]["success"] is True
    assert webhook.present(name="_acme-challenge.not-ours.example",
                           action="CleanUp")[1]["success"] is True


# ---- Policy ----

def test_issuers_need_a_policy(webhook):
    said = webhook.message(allowAmbientCredentials=False, resourceNamespace="tenant-a")
    assert "tenant-a" in said and "webhook.policy" in said
    assert webhook.present(allowAmbientCredentials=False, resourceNamespace="tenant-a",
                           action="CleanUp")[1]["success"] is True


@pytest.mark.parametrize("more, allowed", [
    ({"name": "_acme-challenge.www.a.auth.example.test"}, True),
    ({"name": "x7.auth.example.test"}, True),
    ({"name": "x8.auth.example.test"}, False),
    ({"name": "_acme-challenge.www.b.auth.example.test"}, False),
    ({"name": "_acme-challenge.www.a.auth.example.test", "resourceNamespace": "tenant-b"}, False),
    ({"name": "_acme-challenge.www.b.auth.example.test", "resourceNamespace": "shared"}, True),
    ({"name": "_acme-challenge.www.b.auth.example.test", "resourceNamespace": "cert-manager",
      "allowAmbientCredentials": True}, False)])
def test_policy(ruled, more, allowed):
    asked = {"resourceNamespace": "tenant-a", "allowAmbientCredentials": False, **more}
    if allowed:
        assert ruled.present(**asked)[1]["success"] is True
        assert ruled.values(asked["name"]) == ["ok1"]
        assert ruled.present(**asked, action="CleanUp")[1]["success"] is True
    else:
        said = ruled.message(**asked)
        assert asked["resourceNamespace"] in said and asked["name"] in said
        assert ruled.values(asked["name"]) == []


def test_policy_of_accounts(ruled):
    asked = {"allowAmbientCredentials": False, "config": {"account": "my-pdns"}}
    assert "may not use account my-pdns" in ruled.message(
        name="_acme-challenge.www.a.auth.example.test", resourceNamespace="tenant-a", **asked)
    assert "account my-pdns is not set up" in ruled.message(resourceNamespace="shared", **asked)
