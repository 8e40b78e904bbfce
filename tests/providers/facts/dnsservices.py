"""DNS.services. dns.services/userapi; lexicon's recorded replies: a service and a domain id, records by number."""

from vendor import *  # noqa: F403


def family(base, user, password):
    record = {"id": "{id}", "domain_id": "{zone_id}", "name": "{name}", "ttl": "{ttl}", "priority": 0,
              "content": "{value}", "type": "{type}"}
    path = "/service/{service}/dns/{zone_id}"
    return Vendor(
        base, auth=basic(f"{{{user}}}", f"{{{password}}}"), ids=texts, zone_ids=texts,
        zone_more=lambda zone: {"service": "s" + zone.id},
        error=Error(400, {"error": ["{text}"]}),
        errors={"unauthorised": Error(401, {"error": ["wronglogin", "unauthorized"]}), "absent": 404},
        routes=[
            list_zones("/dns", {"service_ids": ["1"], "zones": each("zones", {
                "domain_id": "{zone_id}", "name": "{zone}", "service_id": "{service}"})}),
            list_records(path, {"service_id": "{service}", "name": "{zone}",
                                "records": keyed("records", "k{id}", record)}),
            create(path + "/records", {"success": True, "record": record},
                   json={"name": "{name}", "type": "TXT", "ttl": "{ttl#int}", "content": "{value}"}),
            delete(path + "/records/{id}", {"success": True}),
        ])


FACTS = family("https://dns.services/api", "DNSSERVICES_USERNAME", "DNSSERVICES_PASSWORD")
