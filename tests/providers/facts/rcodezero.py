"""RcodeZero. my.rcodezero.at/openapi (ACME), lego, acme.sh, dns-lexicon: an update replaces the RRset."""

from vendor import *  # noqa: F403

RECORDS = each("records", {"content": "{qvalue}", "disabled": False})
RRSET = {"name": "{fqdn.}", "type": "{type}", "ttl": "{ttl#int}", "records": RECORDS}
PATH = "/v1/acme/zones/{zone}/rrsets"
DONE = {"status": "ok", "message": "RRsets updated"}

FACTS = Vendor(
    "https://my.rcodezero.at/api",
    auth=bearer("RCODEZERO_API_TOKEN"),
    zone_ids=None,
    error=Error(422, {"status": "failed", "message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        route("list_rrsets", "GET", PATH, {"current_page": 1, "total": 1, "data": each("rrsets", RRSET)}),
        put_rrset(PATH, DONE, method="PATCH", status=200,
                  json=[{"name": "{fqdn.}", "changetype": "update", "type": "TXT", "ttl": "{ttl#int}",
                         "records": RECORDS}]),
        delete_rrset(PATH, DONE, method="PATCH", status=200, missing="ok",
                     json=[{"name": "{fqdn.}", "changetype": "delete", "type": "TXT"}]),
    ])
