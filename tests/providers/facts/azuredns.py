"""Azure DNS. learn.microsoft.com/rest/api/dns (2018-05-01) and the OAuth 2 client credentials flow."""

from vendor import *  # noqa: F403

GROUP = ("/subscriptions/5b1a2c3d/resourceGroups/dns"
         "/providers/Microsoft.Network/dnsZones/{zone}")
RECORDS = each("records", {"value": ["{value}"]})
RRSET = {"id": "...", "name": "{name@}", "type": "Microsoft.Network/dnsZones/TXT", "etag": "...",
         "properties": {"fqdn": "{fqdn.}", "TTL": "{ttl#int}", "TXTRecords": RECORDS,
                        "provisioningState": "Succeeded"}}
VERSION = {"api-version": "2018-05-01"}

FACTS = Vendor(
    "https://management.azure.com",
    auth=token("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"),
    settings={"subscription-id": "5b1a2c3d", "resource-group": "dns", "tenant-id": "7e8f9a0b"},
    zone_ids=None, ttl=(1, 2147483647),
    error=Error(400, {"error": {"code": "BadRequest", "message": "{text}"}}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        login("https://login.microsoftonline.com/7e8f9a0b/oauth2/v2.0/token",
              {"token_type": "Bearer", "expires_in": 3599, "access_token": "{token}"}, auth=False,
              form={"grant_type": "client_credentials", "client_id": "{AZURE_CLIENT_ID}",
                    "client_secret": "{AZURE_CLIENT_SECRET}",
                    "scope": "https://management.azure.com/.default"}),
        get_zone(GROUP, {"name": "{zone}", "properties": {"zoneType": "Public"}}, query=VERSION),
        get_rrset(GROUP + "/TXT/{name@}", RRSET, query=VERSION),
        put_rrset(GROUP + "/TXT/{name@}", RRSET, query=VERSION,
                  json={"properties": {"TTL": "{ttl#int}", "TXTRecords": RECORDS}}),
        delete_rrset(GROUP + "/TXT/{name@}", query=VERSION, status=200),
    ])
