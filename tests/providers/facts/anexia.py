"""Anexia CloudDNS. engine.anexia-it.com/docs: the records are in the zone's newest revision, quoted."""

from vendor import *  # noqa: F403

RECORD = {"identifier": "{id}", "immutable": False, "name": "{name@}", "rdata": "{qvalue}", "region": "",
          "ttl": "{ttl#int}", "type": "{type}"}
ZONE = {"name": "{zone}", "zone_name": "{zone}",
        "revisions": [{"identifier": "r1", "state": "active", "records": each("records", RECORD)}]}


def made(server, call):
    server.do_create(call)
    return server.do_get_document(call)


FACTS = Vendor(
    "https://engine.anexia-it.com",
    auth=headers(Authorization="Token {ANEXIA_TOKEN}"), ids=uuid, zone_ids=None,
    error=Error(400, {"error": {"code": "{status#int}", "message": "{text}"}}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        get_document("/api/clouddns/v1/zone.json/{zone}", ZONE),
        route(made, "POST", "/api/clouddns/v1/zone.json/{zone}/records", ZONE,
              json={"name": "{name@}", "type": "TXT", "rdata": "{anyvalue}", "region": "",
                    "ttl": "{ttl#int}"}),
        delete("/api/clouddns/v1/zone.json/{zone}/records/{id}"),
    ])
