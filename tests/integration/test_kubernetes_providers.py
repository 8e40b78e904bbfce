"""Issuers that bring a provider and their own credentials: what is sent where, and what is refused."""

import base64
import http.server
import json
import threading

import pytest

from program import free_address, wait_until
from test_kubernetes import Webhook, payload

SECONDS = 20
NAME = "_acme-challenge.www.elsewhere.example"
SECRET = ("tenant", "hr")


class Provider:
    """An httpreq server on loopback that notes what it is asked."""

    def __init__(self):
        self.requests = []
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, self.headers.get("Authorization"),
                                       json.loads(body)))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = http.server.ThreadingHTTPServer((free_address(), 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://{}:{}".format(*self.server.server_address)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def webhook(tmp_path_factory):
    made = Webhook(tmp_path_factory.mktemp("providers"), **{
        "allow-networks": ["127.0.0.0/8"],
        "also-serve": [{"group": "acme.lego.example", "solver": "lego-solver", "config": "lego"}]})
    made.server.config["present"] = {"limit": "1s"}
    with made as running:
        yield running


@pytest.fixture
def provider(webhook):
    made = Provider()
    webhook.cluster.api.secrets[SECRET] = {"pass": encode("s3cret\n")}
    yield made
    made.close()


def encode(text):
    return base64.b64encode(text.encode()).decode()


def config_of(provider, **settings):
    return {"provider": "httpreq", "settings": {"base-url": provider.url, "username": "me",
                                                **settings},
            "secretRef": {"name": "hr", "keys": {"password": "pass"}}}


def asked(config, **more):
    """A namespaced Issuer's: nothing of ours is used, so that no policy is needed."""
    return {"name": NAME, "resourceNamespace": "tenant", "allowAmbientCredentials": False,
            "config": config, **more}


def test_present_and_cleanup(webhook, provider):
    """The Secret's password goes to the URL of its Issuer, and the value comes and goes."""
    config = config_of(provider)
    webhook.present(**asked(config))  # Its servers cannot be asked here, so it is not told live.
    wait_until(lambda: provider.requests, SECONDS, "the provider was not asked")
    credentials = "Basic " + encode("me:s3cret")
    sent = {"fqdn": f"{NAME}.", "value": "ok1"}
    assert provider.requests[0] == ("/present", credentials, sent)
    webhook.present(action="CleanUp", **asked(config))
    wait_until(lambda: provider.requests[-1][0] == "/cleanup", SECONDS, "nothing was removed")
    assert provider.requests[-1] == ("/cleanup", credentials, sent)


def test_issuer_of_another_webhook(webhook, provider):
    """lego's names of settings, in a config of its webhook."""
    webhook.cluster.api.secrets[SECRET] = {"HTTPREQ_USERNAME": encode("you"),
                                           "HTTPREQ_PASSWORD": encode("other")}
    config = {"provider": "httpreq", "envs": {"HTTPREQ_ENDPOINT": provider.url},
              "envFrom": {"secret": {"name": "hr", "namespace": ""}}}
    path = "/apis/acme.lego.example/v1alpha1/lego-solver"
    status, _headers, text = webhook.aggregator.post(
        path, {"request": payload(resourceNamespace="tenant", config=config, name=NAME, key="two")})
    assert status == 201, text
    wait_until(lambda: provider.requests, SECONDS, f"the provider was not asked: {text}")
    assert provider.requests[0] == ("/present", "Basic " + encode("you:other"),
                                    {"fqdn": f"{NAME}.", "value": "two"})
    config["colour"] = "red"
    status, _headers, text = webhook.aggregator.post(
        path, {"request": payload(resourceNamespace="tenant", config=config, name=NAME)})
    assert "colour: unknown key" in json.loads(text)["response"]["status"]["message"]


def test_another_namespace_has_another_secret(webhook, provider):
    said = webhook.message(**asked(config_of(provider), resourceNamespace="other"))
    assert "Secret hr does not exist in namespace other" in said
    assert provider.requests == []


@pytest.mark.parametrize("change, said", [
    ({"nonsense": "x"}, 'no setting "nonsense"'),
    ({"password": "in the clear"}, "is a secret"),
    ({"password-file": "/etc/passwd"}, "cannot name files")])
def test_settings_are_checked(webhook, provider, change, said):
    config = config_of(provider, **change)
    assert said in webhook.message(**asked(config))
    assert provider.requests == []


def test_cleanup_without_the_secret(webhook, provider):
    """Who deletes a namespace deletes its Secrets first."""
    del webhook.cluster.api.secrets[SECRET]
    config = config_of(provider)
    assert webhook.present(action="CleanUp", **asked(config))[1]["success"] is True
    webhook.server.process.wait_line("challenge_left.*does not exist", SECONDS)


def test_networks_of_our_own_are_closed(tmp_path, provider):
    """Without allow-networks an Issuer's URL cannot reach what only we can reach."""
    made = Webhook(tmp_path)
    made.server.config["present"] = {"limit": "5s"}
    with made as running:
        running.cluster.api.secrets[SECRET] = {"pass": encode("s3cret")}
        said = running.message(**asked(config_of(provider)))
        assert "needs allow-networks" in said
        assert provider.requests == []
