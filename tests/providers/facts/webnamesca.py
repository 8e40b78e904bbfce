"""webnames.ca. webnames.ca/_/swagger, lego: values in the query."""

from vendor import *  # noqa: F403

DONE = {"result": {"domainID": 1, "dnsRecordSets": []}, "logID": 1}
QUERY = {"hostName": "{fqdn}", "txt": "{value}"}

FACTS = Vendor(
    "https://www.webnames.ca/_/APICore",
    auth=headers(API_User="{WEBNAMESCA_API_USER}", API_Key="{WEBNAMESCA_API_KEY}"),
    zone_ids=None, duplicates="same",
    error=Error(400, {"errorMessage": "{text}", "errorDetails": "", "logID": 1}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        add_value("/domains/{zone}/add-txt-record", DONE, status=200, query=QUERY),
        remove_value("/domains/{zone}/delete-txt-record", DONE, status=200, query=QUERY),
    ])
