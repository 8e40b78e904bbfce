"""Name.com. name.com/api-docs (v4), recorded replies in dns-lexicon: an empty list is left out."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "domainName": "{zone}", "host": "{name}", "fqdn": "{fqdn.}",
          "type": "{type}", "answer": "{value}", "ttl": "{ttl#int}"}

FACTS = Vendor(
    "https://api.name.com/v4",
    auth=basic("{NAMECOM_USERNAME}", "{NAMECOM_API_TOKEN}"),
    zone_ids=None, ttl=(300, 2147483647), limit=(20, 1), duplicates="refuse",
    error=Error(400, {"message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401,
            "duplicate": Error(400, {"message": "Invalid Argument",
                                     "details": "Parameter Value Error - Duplicate Record"})},
    routes=[
        list_zones("/domains", {"domains": each("zones", {"domainName": "{zone}"})}),
        get_zone("/domains/{zone}", {"domainName": "{zone}", "autorenewEnabled": True}),
        list_records("/domains/{zone}/records", {"records": each("records", RECORD),
                                                 "nextPage": "{next#json}", "lastPage": "{pages#int}"},
                     paging=pages(size="perPage", usual=1000, largest=1000)),
        create("/domains/{zone}/records", RECORD, status=200,
               json={"host?": "{name}", "type": "TXT", "answer": "{value}", "ttl": "{ttl#int}"}),
        delete("/domains/{zone}/records/{id}", {}, status=200),
    ])
