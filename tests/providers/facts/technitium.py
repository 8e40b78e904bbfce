"""Technitium DNS Server. github.com/TechnitiumSoftware/DnsServer APIDOCS.md: errors in the body, forms are taken everywhere."""

from vendor import *  # noqa: F403

RECORD = {"name": "{fqdn}", "type": "{type}", "ttl": "{ttl#int}", "rData": {"text": "{value}"},
          "disabled": False, "dnssecStatus": "Unknown"}


def said(**response):
    return {"status": "ok", "response": {"zone": {"name": "{zone}", "type": "Primary"}, **response}}


FACTS = Vendor(
    "https://dns.example:53443",
    auth=in_body(token="{TECHNITIUM_API_TOKEN}"),
    settings={"base-url": "https://dns.example:53443"},
    zone_ids=None, duplicates="same",
    error=Error(200, {"status": "error", "errorMessage": "{text}"}),
    errors={"unauthorised": Error(200, {"status": "invalid-token", "errorMessage": "{text}"})},
    routes=[
        list_records("/api/zones/records/get", said(records=each("records", RECORD)), method="POST",
                     form={"domain": "{fqdn}"}),
        add_value("/api/zones/records/add", said(addedRecord=RECORD), status=200,
                  form={"domain": "{fqdn}", "type": "TXT", "ttl?": "{ttl}", "text": "{value}"}),
        remove_value("/api/zones/records/delete", {"status": "ok"}, method="POST", status=200,
                     form={"domain": "{fqdn}", "type": "TXT", "text": "{value}"}, missing="ok"),
    ])
