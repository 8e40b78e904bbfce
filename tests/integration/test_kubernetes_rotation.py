"""What changes while the webhook runs: authorities, tokens, certificates; and an API that fails."""

import json
import shutil
import threading

import pytest

from certificates import Authority
from program import wait_until
from test_kubernetes import PATH, Webhook, payload

SECONDS = 20


@pytest.fixture
def webhook(tmp_path):
    with Webhook(tmp_path) as running:
        yield running


def status_with(webhook, certificate):
    """Of a CleanUp that somebody with that certificate asks for."""
    return webhook.with_certificate(certificate).post(
        PATH, {"request": payload(action="CleanUp")})[0]


def wait_status(webhook, certificate, status):
    wait_until(lambda: status_with(webhook, certificate) == status, SECONDS,
               f"no {status} for a certificate")


def test_authority_rotates(webhook):
    cluster = webhook.cluster
    fresh = Authority(webhook.cluster.folder / "fresh", "front-proxy-ca")
    certificate = fresh.identity("proxy", "front-proxy-client")
    assert status_with(webhook, certificate) == 401
    # Both, as kube-apiserver merges them.
    cluster.trust(requestheader_client_ca_file=cluster.front.pem + fresh.pem)
    wait_status(webhook, certificate, 201)
    assert status_with(webhook, cluster.proxy) == 201
    cluster.trust(requestheader_client_ca_file=fresh.pem)
    wait_status(webhook, cluster.proxy, 401)
    assert status_with(webhook, certificate) == 201


def test_open_connection_is_checked_again(webhook):
    """One that was the front proxy's is not, once its authority has gone."""
    connection = webhook.aggregator.connect()

    def ask():
        return webhook.aggregator.request(
            "POST", PATH, json.dumps({"request": payload(action="CleanUp")}),
            {"X-Remote-User": "system:kube-scheduler"}, connection)[0]
    assert ask() == 201
    fresh = Authority(webhook.cluster.folder / "fresh", "front-proxy-ca")
    webhook.cluster.trust(requestheader_client_ca_file=fresh.pem)
    wait_until(lambda: ask() == 401, SECONDS, "an open connection is still believed")
    connection.close()


@pytest.mark.parametrize("changes, status", [
    ({"requestheader_allowed_names": ["other"]}, 401),
    ({"requestheader_allowed_names": []}, 201),
    ({"requestheader_allowed_names": "no JSON"}, 401),
    ({"requestheader_client_ca_file": "no PEM"}, 401),
    ({"requestheader_username_headers": []}, 401)])
def test_configmap_changes(webhook, changes, status):
    webhook.cluster.trust(requestheader_allowed_names=["other"])
    wait_status(webhook, webhook.cluster.proxy, 401)
    webhook.cluster.trust(**changes)
    wait_status(webhook, webhook.cluster.proxy, status)
    if status == 401 and changes != {"requestheader_allowed_names": ["other"]}:
        wait_until(lambda: not webhook.is_ready(), SECONDS, "ready without an authority")


def test_empty_names_with_users_authority(webhook):
    """Any user's certificate would be the front proxy's."""
    users = webhook.cluster.users
    webhook.cluster.trust(requestheader_allowed_names=[],
                          requestheader_client_ca_file=webhook.cluster.front.pem + users.pem)
    wait_status(webhook, webhook.cluster.proxy, 401)
    assert not webhook.is_ready()
    assert status_with(webhook, users.identity("user", "front-proxy-client")) == 401
    webhook.server.process.wait_line("front_proxy_refused.*requestheader-allowed-names", SECONDS)


def test_configmap_goes(webhook):
    with webhook.cluster.api.lock:
        webhook.cluster.api.data = None
        webhook.cluster.api.watch_gone = True
        webhook.cluster.api.version += 1
        webhook.cluster.api.lock.notify_all()
    wait_status(webhook, webhook.cluster.proxy, 401)
    webhook.cluster.trust()
    wait_status(webhook, webhook.cluster.proxy, 201)


def test_version_forgotten(webhook):
    """410 within a watch: listed again."""
    api = webhook.cluster.api
    before = api.count("/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3D"
                       "extension-apiserver-authentication")
    with api.lock:
        api.watch_gone = True
        api.version += 1
        api.lock.notify_all()
    wait_until(lambda: api.count("/api/v1/namespaces/kube-system/configmaps") >= before + 2,
               SECONDS, "not listed again")
    webhook.cluster.trust(requestheader_allowed_names=["other"])
    wait_status(webhook, webhook.cluster.proxy, 401)


def test_token_rotates(webhook):
    """kubelet has replaced it: read again when the API does not take the old one."""
    api = webhook.cluster.api
    api.token_file.write_text("second-token\n")
    api.token = "second-token"
    api.review = lambda spec: {"allowed": True}
    assert webhook.aggregator.post(PATH, {"request": payload(action="CleanUp")},
                                   user="after-rotation")[0] == 201


def test_token_is_wrong(webhook):
    webhook.cluster.api.token = "another"
    assert webhook.aggregator.post(PATH, {"request": payload()}, user="unbelieved")[0] == 403


def test_api_throttles(webhook):
    webhook.cluster.api.throttle = 1
    assert webhook.aggregator.post(PATH, {"request": payload(action="CleanUp")},
                                   user="throttled")[0] == 201


def test_review_is_slow(webhook):
    """No decision in time is a no; who asks meanwhile is not kept waiting."""
    go_on = threading.Event()

    def review(spec):
        if spec["user"] == "slow":
            go_on.wait(SECONDS)
        return {"allowed": True}
    webhook.cluster.api.review = review
    results = []
    slow = threading.Thread(target=lambda: results.append(webhook.aggregator.post(
        PATH, {"request": payload()}, user="slow")))
    slow.start()
    assert webhook.aggregator.post(PATH, {"request": payload(action="CleanUp")},
                                   user="quick")[0] == 201
    slow.join(SECONDS)
    go_on.set()
    assert results[0][0] == 403 and "could not be asked" in json.loads(results[0][2])["message"]
    assert webhook.values() == []


def test_api_is_away_at_start(tmp_path):
    """Not ready and nobody believed, until it answers."""
    webhook = Webhook(tmp_path)
    webhook.cluster.api.token = "another"
    webhook.server.start()
    try:
        wait_until(lambda: webhook.aggregator.get("/livez")[0] == 200, SECONDS, "does not listen")
        assert not webhook.is_ready()
        assert webhook.server.request("GET", "/readyz").status == 503
        assert status_with(webhook, webhook.cluster.proxy) == 401
        assert webhook.aggregator.get(PATH.rsplit("/", 1)[0])[0] == 200
        webhook.cluster.api.token = "first-token"
        wait_until(webhook.is_ready, SECONDS, "not ready")
        assert webhook.server.request("GET", "/readyz").status == 200
        assert status_with(webhook, webhook.cluster.proxy) == 201
    finally:
        webhook.__exit__(None, None, None)


def test_serving_certificate_rotates(webhook):
    """Files that are replaced are served, a broken pair is not."""
    cluster = webhook.cluster
    fresh = Authority(cluster.folder / "fresh", "webhook-ca")
    certificate, key = fresh.server("serving", "DNS:dns01d-webhook.cert-manager.svc")
    shutil.copy(certificate, cluster.serving[0])
    webhook.server.process.wait_line("certificate_refused.*another key", 2 * SECONDS)
    assert webhook.is_ready()
    shutil.copy(key, cluster.serving[1])
    webhook.server.process.wait_line("certificate_changed", 2 * SECONDS)
    cluster.webhook = fresh
    webhook.aggregator = cluster.aggregator(webhook.server.address, webhook.port)
    assert webhook.is_ready()


def test_policy_reloads(webhook):
    asked = {"resourceNamespace": "tenant", "allowAmbientCredentials": False}
    assert webhook.present(**asked)[1]["success"] is False
    webhook.server.config["webhook"]["policy"] = [
        {"namespaces": ["tenant"], "names": ["**.auth.example.test"]}]
    webhook.server.reload()
    webhook.server.process.wait_line("reloaded", SECONDS)
    assert webhook.present(**asked)[1]["success"] is True
    webhook.present(**asked, action="CleanUp")


def test_stops_while_the_api_is_silent(webhook):
    """A review under way does not hold the stop up."""
    go_on = threading.Event()
    asked = threading.Event()

    def review(spec):
        asked.set()
        go_on.wait(SECONDS)
        return {"allowed": True}
    webhook.cluster.api.review = review
    results = []
    waiting = threading.Thread(target=lambda: results.append(webhook.aggregator.post(
        PATH, {"request": payload()}, user="waits")))
    waiting.start()
    assert asked.wait(SECONDS)
    webhook.server.stop()
    waiting.join(SECONDS)
    go_on.set()
    assert results[0][0] == 403
