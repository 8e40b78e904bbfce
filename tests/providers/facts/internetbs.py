"""Internet.bs. internetbs.net/internet-bs-api.pdf; lexicon's recorded replies: forms, the status in the body."""

from vendor import *  # noqa: F403

GOOD = {"transactid": "548e3298", "status": "SUCCESS"}
RECORD = {"name": "{fqdn}", "value": "{value}", "ttl": "{ttl#int}", "type": "{type}"}


def wrong(code):
    return Error(200, {"transactid": "d46d8125", "status": "FAILURE", "message": "{text}", "code": code})


FACTS = Vendor(
    "https://api.internet.bs",
    auth=in_body(apiKey="{INTERNET_BS_API_KEY}", password="{INTERNET_BS_PASSWORD}"), zone_ids=None,
    error=wrong(100002), errors={"unauthorised": wrong(107002), "absent": wrong(100004)},
    skip={"vanished": "what it says of a record that is not there is not known"},
    routes=[
        list_records("/Domain/DnsRecord/List", {**GOOD, "total_records": "{total#int}",
                                                "records": each("records", RECORD)}, method="POST",
                     form={"Domain": "{zone}", "FilterType?": "{type}", "ResponseFormat": "JSON"}),
        add_value("/Domain/DnsRecord/Add", GOOD,
                  form={"fullrecordname": "{fqdn}", "type": "TXT", "value": "{value}", "ttl?": "{ttl}",
                        "ResponseFormat": "JSON"}),
        remove_value("/Domain/DnsRecord/Remove", GOOD, method="POST",
                     form={"fullrecordname": "{fqdn}", "type": "TXT", "value": "{value}",
                           "ResponseFormat": "JSON"}),
    ])
