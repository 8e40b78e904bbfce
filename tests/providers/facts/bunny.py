"""bunny.net. docs.bunny.net: DNS zones hold their records; types are numbers; apex records have no name."""

from vendor import *  # noqa: F403

NUMBERS = {"A": 0, "TXT": 3}
RECORD = {"Id": "{id#int}", "Type": "{number#int}", "Ttl": "{ttl#int}", "Value": "{value}",
          "Name": "{name}", "Weight": 0, "Priority": 0}


def zone_with_records(server, call):
    found = server.do_get_document(call)
    for record in found["records"]:
        record["number"] = NUMBERS[record["type"]]
    return found


def made(server, call):
    return {**server.do_create(call), "number": 3}


FACTS = Vendor(
    "https://api.bunny.net",
    auth=headers(AccessKey="{BUNNY_API_KEY}"),
    zone_ids=integers, ttl=(15, 86400),
    error=Error(400, {"ErrorKey": "validation_error", "Field": "", "Message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_zones("/dnszone", {"Items": each("zones", {"Id": "{zone_id#int}", "Domain": "{zone}",
                                                        "Records": []}),
                                "CurrentPage": "{page#int}", "TotalItems": "{total#int}",
                                "HasMoreItems": "{more#bool}"},
                   paging=pages(size="perPage", usual=1000, largest=1000)),
        route(zone_with_records, "GET", "/dnszone/{zone_id}",
              {"Id": "{zone_id#int}", "Domain": "{zone}", "Records": each("records", RECORD)}),
        route(made, "PUT", "/dnszone/{zone_id}/records", RECORD, status=201,
              json={"Type": 3, "Name": "{name}", "Value": "{value}", "Ttl": "{ttl#int}"}),
        delete("/dnszone/{zone_id}/records/{id}"),
    ])
