"""Dynu. dynu.com/Support/API v2: the status in the body; identical records are one."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "domainId": "{zone_id#int}", "domainName": "{zone}", "nodeName": "{name}",
          "hostname": "{fqdn}", "recordType": "{type}", "ttl": "{ttl#int}", "state": True,
          "content": "{fqdn}. {ttl} IN {type} {qvalue}", "textData": "{value}"}
WRONG = {"statusCode": "{status#int}", "type": "Argument Exception", "message": "{text}"}

FACTS = Vendor(
    "https://api.dynu.com/v2",
    auth=headers(API_Key="{DYNU_API_KEY}"), zone_ids=integers, duplicates="same",
    error=Error(501, WRONG), errors={"unauthorised": Error(401, WRONG), "absent": Error(404, WRONG)},
    routes=[
        route("get_zone", "GET", "/dns/getroot/{fqdn}",
              {"statusCode": 200, "id": "{zone_id#int}", "domainName": "{zone}", "hostname": "{fqdn}",
               "node": ""}),
        list_records("/dns/record/{fqdn}", {"statusCode": 200, "dnsRecords": each("records", RECORD)},
                     query={"recordType": "{type}"}),
        create("/dns/{zone_id}/record", {"statusCode": 200, **RECORD},
               json={"recordType": "TXT", "domainName": "{zone}", "nodeName": "{name}",
                     "hostname": "{fqdn}", "textData": "{value}", "state": True, "ttl": "{ttl#int}"}),
        delete("/dns/{zone_id}/record/{id}", {"statusCode": 200}),
    ])
