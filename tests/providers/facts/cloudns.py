"""ClouDNS. cloudns.net/wiki/article/42: status in the body, TTLs of a list, an empty list is [] instead of {}."""

from vendor import *  # noqa: F403

TTLS = (60, 300, 900, 1800, 3600, 21600, 43200, 86400, 172800, 259200, 604800, 1209600, 2592000)
RECORD = {"id": "{id}", "type": "{type}", "host": "{name}", "record": "{value}", "failover": "0",
          "ttl": "{ttl}", "status": 1}
GOOD = {"status": "Success", "statusDescription": "The record was changed successfully."}


def failed(text):
    return Error(200, {"status": "Failed", "statusDescription": text})


FACTS = Vendor(
    "https://api.cloudns.net/dns",
    auth=[in_query(auth__id="{CLOUDNS_AUTH_ID}", auth__password="{CLOUDNS_AUTH_PASSWORD}"),
          in_query(sub__auth__id="{CLOUDNS_SUB_AUTH_ID}", auth__password="{CLOUDNS_AUTH_PASSWORD}")],
    zone_ids=None, ttls=TTLS,
    skip={"vanished": "what it says of a record that is gone is not known"},
    error=failed("{text}"),
    errors={"absent": failed("Missing domain-name"), "unauthorised": failed(
        "Invalid authentication, incorrect auth-id or auth-password.")},
    routes=[
        get_zone("/get-zone-info.json", {"name": "{zone}", "type": "master", "zone": "domain",
                                         "status": "1"}, query={"domain-name": "{zone}"}),
        list_records("/records.json", keyed("records", "{id}", RECORD),
                     query={"domain-name": "{zone}", "host?": "{name}", "type?": "{type}"}),
        create("/add-record.json", GOOD,
               query={"domain-name": "{zone}", "record-type": "TXT", "host": "{name}",
                      "record": "{value}", "ttl": "{ttl}"}),
        delete("/delete-record.json", GOOD, method="POST",
               query={"domain-name": "{zone}", "record-id": "{id}"}),
    ])
