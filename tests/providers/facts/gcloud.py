"""Google Cloud DNS. cloud.google.com/dns/docs/reference/rest/v1 (managedZones, resourceRecordSets,
changes: a deletion must be the RRset as it stands) and developers.google.com/identity/protocols/oauth2/
service-account (HTTP/REST: a JWT signed with RS256).
"""

import base64
import functools
import json
import pathlib
import subprocess
import tempfile

from server import NOW, Mismatch, Refusal, Reply, unquote
from vendor import *  # noqa: F403

MAIL = "dns01d@example-project.iam.gserviceaccount.com"
PROJECT = "/projects/example-project/managedZones"
ZONE = PROJECT + "/{zone_id}"
RRSET = {"name": "{fqdn.}", "type": "{type}", "ttl": "{ttl#int}", "rrdatas": each("records", "{qvalue}")}
STANDING = {**RRSET, "signatureRrdatas": [], "kind": "dns#resourceRecordSet"}


@functools.cache
def key():
    return subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                          check=True, capture_output=True, text=True).stdout


@functools.cache
def account():
    return json.dumps({
        "type": "service_account", "project_id": "example-project", "private_key_id": "0123456789abcdef",
        "private_key": key(), "client_email": MAIL, "client_id": "103",
        "token_uri": "https://oauth2.googleapis.com/token"})


def decoded(text):
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(octets).decode().rstrip("=") != text:
        raise Refusal("unauthorised", "Invalid JWT", fault=True)
    return octets


@functools.cache
def is_signed(text, signature):
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: pathlib.Path(folder) / name for name in ("key", "body", "signature")}
        paths["key"].write_text(key())
        paths["body"].write_text(text)
        paths["signature"].write_bytes(decoded(signature))
        done = subprocess.run(["openssl", "dgst", "-sha256", "-prverify", paths["key"], "-signature",
                               paths["signature"], paths["body"]], capture_output=True)
    return done.returncode == 0


def signed_login(server, call):
    head, claims, signature = call.found["jwt"].split(".") if call.found["jwt"].count(".") == 2 else ("",) * 3
    if json.loads(decoded(head)) != {"alg": "RS256", "typ": "JWT"}:
        raise Refusal("unauthorised", "Invalid JWT header", fault=True)
    given = json.loads(decoded(claims))
    start = given.pop("iat")
    if not NOW - 600 <= start <= NOW + 600 or not start < given.pop("exp") <= start + 3600:
        raise Refusal("unauthorised", "Invalid JWT: Token must be a short-lived token", fault=True)
    if given != {"iss": MAIL, "scope": "https://www.googleapis.com/auth/ndev.clouddns.readwrite",
                 "aud": "https://oauth2.googleapis.com/token"}:
        raise Refusal("unauthorised", "Invalid JWT", fault=True)
    if "=" in call.found["jwt"] or not is_signed(f"{head}.{claims}", signature):
        raise Refusal("unauthorised", "Invalid JWT Signature.", fault=True)
    return server.do_login(call)


def list_zones(server, call):
    """Exactly that name: a private zone and the public one; the list is left out when it is empty."""
    name = call.found["dns_name"]
    zones = [zone for zone in server.zones if zone.name + "." == name]
    shapes = [{"kind": "dns#managedZone", "name": "private-" + zone.id if kind == "private" else zone.id,
               "dnsName": name, "visibility": kind, "id": "5"} for zone in zones for kind in ("private", "public")]
    body = {"kind": "dns#managedZonesListResponse", **({"managedZones": shapes} if shapes else {})}
    return Reply(200, json.dumps(body), (("content-type", "application/json"),))


def list_rrsets(server, call):
    zone = server.wanted_zone(call)
    try:
        owner = server.resolve_owner(zone, {"fqdn.": call.found["asked"]})
    except Mismatch as fault:
        raise Refusal("invalid", str(fault), fault=True) from None
    if not server.at(zone, owner, call.found["kind"]):
        return Reply(200, '{"kind": "dns#resourceRecordSetsListResponse"}', (("content-type", "application/json"),))
    return {"rrsets": [server.rrset_variables(zone, owner, call.found["kind"])]}


def taken(server, zone, item):
    """(owner, values, ttl) of an RRset in a change."""
    if item["type"] != "TXT":
        raise Refusal("invalid", "that is not a TXT", fault=True)
    return (server.resolve_owner(zone, item), [unquote(one["qvalue"]) for one in item["records"]],
            int(item["ttl"]))


def change(server, call):
    """All of it or nothing."""
    zone = server.wanted_zone(call)
    try:
        gone = [taken(server, zone, item) for item in call.found.get("old", ())]
        made = [taken(server, zone, item) for item in call.found.get("new", ())]
    except Mismatch as fault:
        raise Refusal("invalid", str(fault), fault=True) from None
    kept = {}
    for owner, values, ttl in gone:
        before = server.at(zone, owner, "TXT")
        if not before:
            raise Refusal("absent", "The 'entity.change.deletions[0]' resource does not exist.")
        if [one.value for one in before] != values or any(one.ttl != ttl for one in before):
            raise Refusal("stale", "Precondition not met for 'entity.change.deletions[0]'", fault=bool(before))
    for owner, values, ttl in made:
        if server.at(zone, owner, "TXT") and owner not in [one[0] for one in gone]:
            raise Refusal("duplicate", "The resource 'entity.change.additions[0]' already exists")
        if not values or len(set(values)) != len(values):
            raise Refusal("invalid", "Invalid value for 'entity.change.additions[0].rrdata'", fault=True)
    for owner, _, _ in gone:
        for record in server.at(zone, owner, "TXT"):
            kept[record.key()] = record
            server.drop(record)
    for owner, values, ttl in made:
        for value in values:
            old = kept.get((zone.name, owner, "TXT", value))
            if old:
                old.ttl = ttl
                server.records.append(old)
            else:
                server.add(zone, owner, "TXT", value, ttl)
    return server.job(call)


def get_change(server, call):
    """Pending the first time, then done: it knows no other states."""
    name = call.found["job"]
    if name not in server.jobs:
        raise Refusal("absent", "no such change")
    server.jobs[name] = max(0, server.jobs[name] - 1)
    return {"state": "pending" if server.jobs[name] else "done"}


FACTS = Vendor(
    "https://dns.googleapis.com/dns/v1",
    auth=token("GCE_SERVICE_ACCOUNT"),
    values={"GCE_SERVICE_ACCOUNT": account()},
    zone_ids=lambda number: f"zone-{number}", ttl=(0, 2147483647), one_ttl=True,
    error=Error(400, {"error": {"code": "{status#int}", "message": "{text}",
                                "errors": [{"message": "{text}", "domain": "global", "reason": "x"}]}}),
    errors={"absent": 404, "duplicate": 409, "stale": 412, "unauthorised": 401,
            "throttled": Error(403, {"error": {"code": 403, "message": "Rate Limit Exceeded", "errors": [
                {"domain": "usageLimits", "reason": "rateLimitExceeded", "message": "Rate Limit Exceeded"}]}})},
    skip={"credentials": "letters changed in the key file make none, which is told as such"},
    routes=[
        route(signed_login, "POST", "https://oauth2.googleapis.com/token",
              {"access_token": "{token}", "expires_in": 3599, "token_type": "Bearer"}, auth=False,
              form={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "{jwt}"}),
        route(list_zones, "GET", PROJECT, "-", query={"dnsName": "{dns_name}"}),
        route(list_rrsets, "GET", ZONE + "/rrsets",
              {"kind": "dns#resourceRecordSetsListResponse", "rrsets": each("rrsets", STANDING)},
              query={"name": "{asked}", "type": "{kind}"}),
        route(change, "POST", ZONE + "/changes",
              {"kind": "dns#change", "id": "{job}", "status": "pending"}, job=True,
              json={"additions?": each("new", RRSET),
                    "deletions?": each("old", {**RRSET, "signatureRrdatas?": [],
                                               "kind?": "dns#resourceRecordSet"})}),
        route(get_change, "GET", ZONE + "/changes/{job}",
              {"kind": "dns#change", "id": "{job}", "status": "{state}"}),
    ])
