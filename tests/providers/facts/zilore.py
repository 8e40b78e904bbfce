"""Zilore. zilore.com/en/help/api/dns, recorded requests in dns-lexicon: parameters of writes are in the query."""

from vendor import *  # noqa: F403

RECORD = {"record_id": "{id}", "record_type": "{type}", "record_ttl": "{ttl#int}", "record_name": "{fqdn}",
          "record_value": "{qvalue}", "record_status": "active"}
PATH = "/domains/{zone}/records"

FACTS = Vendor(
    "https://api.zilore.com/dns/v1",
    auth=Auth(headers={"X-Auth-Key": "{ZILORE_ACCESS_KEY}"}),
    ids=integers, zone_ids=None,
    error=Error(400, {"status": "error", "error": {"code": 400, "message": "{text}"}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records(PATH, {"status": "ok", "response": each("records", RECORD)}),
        create(PATH, {"status": "ok", "response": {"record_id": "{id#int}", "record_status": "active"}}, status=200,
               query={"record_name": "{fqdn}", "record_type": "TXT", "record_value": "{qvalue}",
                      "record_ttl": "{ttl}"}),
        delete(PATH, {"status": "ok"}, status=200, query={"record_id": "{id}"}),
    ])
