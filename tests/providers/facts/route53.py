"""Amazon Route 53. docs.aws.amazon.com/Route53/latest/APIReference and Signature Version 4 of the
IAM User Guide: XML, whole RRsets, exact deletions; a private zone of the same name stands beside each.
"""

import datetime
import hashlib
import hmac
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

from server import NOW, Mismatch, Refusal, Reply, unquote
from vendor import *  # noqa: F403

SPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
HEAD = '<?xml version="1.0"?>\n'


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_query(text):
    pairs = sorted(urllib.parse.parse_qsl(text, keep_blank_values=True))
    return "&".join(f"{urllib.parse.quote(name, safe='-_.~')}={urllib.parse.quote(value, safe='-_.~')}"
                    for name, value in pairs)


def signed(names):
    """The check of an Authorization header that signs these headers."""
    def check(server, call, query, members):
        date = call.headers.get("x-amz-date", "")
        try:
            when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%S%z").timestamp()
        except ValueError:
            return "x-amz-date is not a date"
        if abs(when - NOW) > 900:
            return "Signature expired"
        token = server.credentials.get("AWS_SESSION_TOKEN")
        if token != call.headers.get("x-amz-security-token"):
            return "The security token included in the request is invalid"
        url = urllib.parse.urlsplit(call.url)
        given = {**call.headers, "host": url.netloc}
        lines = "".join(f"{name}:{given.get(name, '').strip()}\n" for name in names)
        canonical = "\n".join([call.method, url.path, canonical_query(url.query), lines, ";".join(names),
                               hashlib.sha256(call.body.encode()).hexdigest()])
        scope = f"{date[:8]}/us-east-1/route53/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + server.credentials["AWS_SECRET_ACCESS_KEY"]).encode()
        for part in scope.split("/"):
            key = mac(key, part)
        wanted = (f"AWS4-HMAC-SHA256 Credential={server.credentials['AWS_ACCESS_KEY_ID']}/{scope}, "
                  f"SignedHeaders={';'.join(names)}, Signature={mac(key, text).hex()}")
        return None if call.headers.get("authorization") == wanted else "The signature does not match"
    return check


def written(name, text):
    return Reply(200, f'{HEAD}<{name} xmlns="{SPACE}">{text}</{name}>', (("content-type", "text/xml"),))


def order(name):
    return list(reversed(name.rstrip(".").split(".")))


def list_zones(server, call):
    """All zones from that name on, in the order of their labels."""
    texts = []
    for zone in sorted(server.zones, key=lambda zone: order(zone.name)):
        if order(zone.name) < order(call.found["from"]):
            continue
        for private in ("true", "false"):
            known = f"ZPRIVATE{zone.id[:8]}" if private == "true" else zone.id
            texts.append(f"<HostedZone><Id>/hostedzone/{known}</Id><Name>{zone.name}.</Name><CallerReference>x"
                         f"</CallerReference><Config><PrivateZone>{private}</PrivateZone></Config>"
                         "<ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone>")
    most = int(call.found["most"])
    more = "true" if len(texts) > most else "false"
    return written("ListHostedZonesByNameResponse", f"<HostedZones>{''.join(texts[:most])}</HostedZones>"
                   f"<IsTruncated>{more}</IsTruncated><MaxItems>{most}</MaxItems>")


def list_rrsets(server, call):
    """From that name and type on: perhaps another than what was asked for."""
    zone = server.wanted_zone(call)
    start = (order(call.found["from"]), call.found["type"])
    names = {(one.owner, one.type) for one in server.at(zone)}
    names = sorted((order(owner), kind, owner) for owner, kind in names)
    most = int(call.found["most"])
    texts = []
    for _, kind, owner in [one for one in names if one[:2] >= start][:most]:
        found = server.rrset_variables(zone, owner, kind)
        values = "".join(f"<ResourceRecord><Value>{escape(str(one['qvalue']))}</Value></ResourceRecord>"
                         for one in found["records"])
        texts.append(f"<ResourceRecordSet><Name>{owner}.</Name><Type>{kind}</Type><TTL>{found['ttl']}</TTL>"
                     f"<ResourceRecords>{values}</ResourceRecords></ResourceRecordSet>")
    return written("ListResourceRecordSetsResponse", f"<ResourceRecordSets>{''.join(texts)}</ResourceRecordSets>"
                   f"<IsTruncated>false</IsTruncated><MaxItems>{most}</MaxItems>")


def only(element, *names):
    """The texts or elements of exactly these children, in their order (the schema is a sequence)."""
    children = [child.tag.removeprefix("{" + SPACE + "}") for child in element]
    if children != list(names) or not element.tag.startswith("{" + SPACE + "}"):
        raise Mismatch(f"{element.tag}: expected {names}, got {children}")
    if "".join([element.text or "", *(child.tail or "" for child in element)]).strip():
        raise Mismatch(f"{element.tag}: text between its elements")
    return list(element)


def change_of(body):
    """(action, name, ttl, quoted values) of the one change in a body."""
    root = ElementTree.fromstring(body)
    if root.tag != "{" + SPACE + "}ChangeResourceRecordSetsRequest":
        raise Mismatch(f"unknown element {root.tag}")
    (batch,) = only(root, "ChangeBatch")
    (changes,) = only(batch, "Changes")
    (change,) = only(changes, "Change")
    action, rrset = only(change, "Action", "ResourceRecordSet")
    name, kind, ttl, records = only(rrset, "Name", "Type", "TTL", "ResourceRecords")
    if kind.text != "TXT" or not len(records):
        raise Mismatch("expected a TXT with values")
    values = [only(record, "Value")[0].text for record in only(records, *["ResourceRecord"] * len(records))]
    return action.text, name.text, int(ttl.text), values


def change(server, call):
    zone = server.wanted_zone(call)
    try:
        action, name, ttl, quoted = change_of(call.found["body"])
        values = [unquote(value) for value in quoted]
        owner = server.resolve_owner(zone, {"fqdn.": name})
        server.resolve_ttl({"ttl": ttl})
    except (Mismatch, ElementTree.ParseError) as fault:
        raise Refusal("invalid", str(fault), fault=True) from None
    before = server.at(zone, owner, "TXT")
    if len(set(values)) != len(values):
        raise Refusal("invalid", "Duplicate Resource Record", fault=True)
    if action == "DELETE":
        if not before:
            raise Refusal("invalid", f"[Tried to delete resource record set [name='{name}', type='TXT'] but it "
                                     "was not found]")
        if sorted(values) != sorted(one.value for one in before) or any(one.ttl != ttl for one in before):
            raise Refusal("invalid", f"Tried to delete resource record set [name='{name}', type='TXT'] "
                                     "but the values provided do not match the current values", fault=True)
        for record in before:
            server.drop(record)
    elif action == "UPSERT":
        kept = {one.value: one for one in before}
        for record in before:
            server.drop(record)
        for value in values:
            if value in kept:
                kept[value].ttl = ttl
                server.records.append(kept[value])
            else:
                server.add(zone, owner, "TXT", value, ttl)
    else:
        raise Refusal("invalid", f"action {action}", fault=True)
    return written("ChangeResourceRecordSetsResponse", "<ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status>"
                   "<SubmittedAt>2026-01-02T03:04:05.678Z</SubmittedAt></ChangeInfo>")


def error(status, code, text="{text}"):
    return Error(status, f'{HEAD}<ErrorResponse xmlns="{SPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
                         f"<Message>{text}</Message></Error><RequestId>b25f48e8</RequestId></ErrorResponse>")


KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
FACTS = Vendor(
    "https://route53.amazonaws.com",
    auth=[Auth(signed=signed(("host", "x-amz-date")), also=KEYS),
          Auth(signed=signed(("host", "x-amz-date", "x-amz-security-token")),
               also=(*KEYS, "AWS_SESSION_TOKEN"))],
    zone_ids=lambda number: f"Z{number:08d}EXAMPLE", ttl=(0, 2147483647), limit=(5, 1), one_ttl=True,
    error=error(400, "InvalidInput"),
    errors={"absent": error(404, "NoSuchHostedZone"), "invalid": error(400, "InvalidChangeBatch"),
            "throttled": error(400, "Throttling", "Rate exceeded"),
            "unauthorised": error(403, "SignatureDoesNotMatch")},
    routes=[
        route(list_zones, "GET", "/2013-04-01/hostedzonesbyname", "-",
              query={"dnsname": "{from}", "maxitems": "{most}"}),
        route(list_rrsets, "GET", "/2013-04-01/hostedzone/{zone_id}/rrset", "-",
              query={"name": "{from}", "type": "{type}", "maxitems": "{most}"}),
        route(change, "POST", "/2013-04-01/hostedzone/{zone_id}/rrset", "-", text="{body}"),
    ])
