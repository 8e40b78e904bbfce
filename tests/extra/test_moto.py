"""Amazon Route 53 as moto plays it: dns01d's own requests, and botocore's opinion of their signatures."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree

import pytest

from counterparts import MOTO, Unavailable
from dns01d import Dns01d, build_folder
from dry_run import DryRun, Reply
from program import Program, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZONE = "example.test"
SPACE = "{https://route53.amazonaws.com/doc/2013-04-01/}"
KEYS = {"access-key-id": "AKIDEXAMPLE", "secret-access-key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}

# What botocore makes of each request, read as JSON: the signatures.
SIGNER = """
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
given = json.load(sys.stdin)
signer = SigV4Auth(Credentials(given["key"], given["secret"], given["token"]), "route53", "us-east-1")
signatures = []
for one in given["requests"]:
    request = AWSRequest(one["method"], one["url"], one["headers"], one["body"])
    request.context["timestamp"] = one["headers"]["X-Amz-Date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signatures.append(signer.signature(text, request))
print(json.dumps(signatures))
"""


@pytest.fixture(scope="module")
def site():
    try:
        return MOTO.find()
    except Unavailable as why:
        pytest.skip(str(why))


class Moto:
    """One server; it checks no signature."""

    def __init__(self, site, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.program = Program("moto", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               folder, dict(os.environ, PYTHONPATH=str(site)))
        wait_until(self.answers, 60, "an answer of moto", self.program)

    def answers(self):
        try:
            return self.request("GET", "/2013-04-01/hostedzone") is not None
        except OSError:
            return False

    def request(self, method, path, body=None):
        scope = "AKID/20260101/us-east-1/route53/aws4_request"
        request = urllib.request.Request(self.url + path, method=method, data=body and body.encode(), headers={
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "text/xml"})
        with urllib.request.urlopen(request, timeout=20) as reply:
            return ElementTree.fromstring(reply.read())

    def zone(self, name, private):
        kind = "<HostedZoneConfig><PrivateZone>true</PrivateZone></HostedZoneConfig>" if private else ""
        made = self.request("POST", "/2013-04-01/hostedzone", (
            f'<CreateHostedZoneRequest xmlns="{SPACE[1:-1]}"><Name>{name}</Name>'
            f"<CallerReference>{name}-{private}</CallerReference>{kind}</CreateHostedZoneRequest>"))
        return made.find(f".//{SPACE}Id").text

    def upsert(self, zone, name, kind, value):
        self.request("POST", f"/2013-04-01{zone}/rrset", (
            f'<ChangeResourceRecordSetsRequest xmlns="{SPACE[1:-1]}"><ChangeBatch><Changes><Change>'
            f"<Action>UPSERT</Action><ResourceRecordSet><Name>{name}.</Name><Type>{kind}</Type><TTL>777</TTL>"
            f"<ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>"
            "</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"))

    def values(self, zone, name, kind="TXT"):
        """(values, TTL) of an RRset, or None."""
        found = self.request("GET", f"/2013-04-01{zone}/rrset")
        for rrset in found.iter(f"{SPACE}ResourceRecordSet"):
            if rrset.find(f"{SPACE}Name").text == f"{name}." and rrset.find(f"{SPACE}Type").text == kind:
                values = {one.text for one in rrset.iter(f"{SPACE}Value")}
                return values, int(rrset.find(f"{SPACE}TTL").text)
        return None


@pytest.fixture(scope="module")
def moto(site, tmp_path_factory):
    made = Moto(site, tmp_path_factory.mktemp("moto"))
    yield made
    made.program.stop()


@pytest.fixture(scope="module")
def server(moto, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dns01d")
    secret = folder / "secret-access-key"
    secret.write_text(KEYS["secret-access-key"] + "\n")
    made = Dns01d(folder, {
        "providers": {"aws": {"type": "route53", "base-url": moto.url, "allow-networks": ["127.0.0.0/8"],
                              "look": False, "access-key-id": KEYS["access-key-id"],
                              "secret-access-key-file": str(secret)}},
        "routes": [{"under": ZONE, "provider": "aws"}],
    })
    made.token("t", "a-secret-of-the-token", names=["**"])
    yield made.start()
    made.process.stop()


def change(server, method, name, value):
    if method == "POST":
        return server.request("POST", "/v1/challenges", token="t", body={"name": name, "value": value}).status
    return server.request("DELETE", f"/v1/challenges?name={name}&value={value}", token="t").status


def test_present_and_cleanup(moto, server):
    moto.zone("test", False)
    moto.zone(ZONE, True)
    zone = moto.zone(ZONE, False)
    name = f"_acme-challenge.www.{ZONE}"
    moto.upsert(zone, name, "CAA", '0 issue "ca.test"')
    assert change(server, "POST", name, "one") == 201
    assert moto.values(zone, name) == ({'"one"'}, 60)
    assert change(server, "POST", name, "two") == 201
    assert moto.values(zone, name)[0] == {'"one"', '"two"'}
    assert change(server, "DELETE", name, "one") == 200
    assert moto.values(zone, name)[0] == {'"two"'}
    assert change(server, "DELETE", name, "two") == 200
    assert moto.values(zone, name) is None
    assert moto.values(zone, name, "CAA") is not None


def test_foreign_value_and_its_ttl_survive(moto, server):
    zone = moto.zone(f"other.{ZONE}", False)
    name = f"_acme-challenge.other.{ZONE}"
    moto.upsert(zone, name, "TXT", '"somebody &amp; else"')
    assert change(server, "POST", name, "mine") == 201
    assert moto.values(zone, name) == ({'"somebody & else"', '"mine"'}, 777)
    assert change(server, "DELETE", name, "mine") == 200
    assert moto.values(zone, name) == ({'"somebody & else"'}, 777)


@pytest.mark.parametrize("token", [None, "a/session+token=="])
def test_botocore_signs_the_same(site, token):
    """Lists and a change, with a temporary key and without."""
    settings = {**KEYS, **({"session-token": token} if token else {})}
    zones = (f'<R xmlns="{SPACE[1:-1]}"><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>{ZONE}.</Name>'
             "<Config><PrivateZone>false</PrivateZone></Config></HostedZone></HostedZones></R>")
    replies = {"hostedzonesbyname": zones.replace("<R ", "<ListHostedZonesByNameResponse ").replace(
        "</R>", "</ListHostedZonesByNameResponse>"), "rrset": f'<ListResourceRecordSetsResponse xmlns="{SPACE[1:-1]}"/>'}
    sent = []

    def answer(request):
        sent.append(request)
        place = request.url.split("?")[0].rsplit("/", 1)[1]
        return Reply(200, replies[place], (("content-type", "text/xml"),))

    engine = DryRun(ROOT / "providers/descriptors/route53.json", settings,
                    build_folder() / "tests/lib/engine-dry-run")
    job = engine.job("present", f"_acme-challenge.www.{ZONE}", "a-value", answer)
    while (finished := job.step()) is None:
        pass
    engine.close()
    assert finished.done, finished.text
    assert [one.method for one in sent][-2:] == ["GET", "POST"]
    headers = [dict(one.headers) for one in sent]
    given = json.dumps({"key": KEYS["access-key-id"], "secret": KEYS["secret-access-key"], "token": token,
                        "requests": [{"method": one.method, "url": one.url, "body": one.body or "", "headers": {
                            name: value for name, value in header.items() if name.startswith("X-Amz-")}}
                            for one, header in zip(sent, headers, strict=True)]})
    done = subprocess.run([sys.executable, "-c", SIGNER], env=dict(os.environ, PYTHONPATH=str(site)), input=given,
                          capture_output=True, text=True, timeout=60, check=True)
    assert [header["Authorization"].rsplit("Signature=", 1)[1] for header in headers] == json.loads(done.stdout)
