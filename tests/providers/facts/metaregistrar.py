"""Metaregistrar. metaregistrar.dev/docs, lego: values are added plain and removed in quotes."""

from vendor import *  # noqa: F403

PATH = "/dnszone/{zone}"
DONE = {"responseId": "x", "status": "ok", "message": "x"}
RECORD = {"name": "{fqdn}", "type": "TXT", "ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://api.metaregistrar.com",
    auth=Auth(headers={"token": "{METAREGISTRAR_API_TOKEN}"}),
    zone_ids=None, duplicates="same",
    error=Error(400, {"responseId": "x", "status": "error", "errorCode": "{code}",
                      "errorMessage": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        add_value(PATH, DONE, method="PATCH", status=200,
                  json={"add": each("records", {**RECORD, "content": "{value}"}, least=1)}),
        remove_value(PATH, DONE, method="PATCH", status=200, missing="ok",
                     json={"rem": each("records", {**RECORD, "content": "{qvalue}"}, least=1)}),
    ])
