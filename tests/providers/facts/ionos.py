"""IONOS. developer.hosting.ionos.com/docs/dns; recorded replies: identical records are one; quoted data."""

from vendor import *  # noqa: F403


def family(base, key):
    record = {"id": "{id}", "name": "{fqdn}", "rootName": "{zone}", "type": "{type}",
              "content": "{qvalue}", "changeDate": "2023-01-01T00:00:00.000Z", "ttl": "{ttl#int}",
              "disabled": False}
    return Vendor(
        base, auth=headers(X_API_Key=f"{{{key}}}"), ids=uuid, zone_ids=uuid, ttl=(60, 2147483647),
        duplicates="same", error=Error(400, [{"code": "{code}", "message": "{text}"}]),
        errors={"unauthorised": 401, "absent": 404},
        routes=[
            list_zones("/v1/zones", each("zones", {"id": "{zone_id}", "name": "{zone}",
                                                   "type": "NATIVE"})),
            list_records("/v1/zones/{zone_id}", {"id": "{zone_id}", "name": "{zone}", "type": "NATIVE",
                                                 "records": each("records", record)},
                         query={"suffix?": "{fqdn}", "recordName?": "{fqdn}", "recordType?": "{type}"}),
            add_value("/v1/zones/{zone_id}/records", [record], status=201,
                      json=each("records", {"name": "{fqdn}", "type": "TXT", "content": "{anyvalue}",
                                            "ttl": "{ttl#int}", "prio?": 0, "disabled?": False},
                                least=1)),
            delete("/v1/zones/{zone_id}/records/{id}", status=200),
        ])


FACTS = family("https://api.hosting.ionos.com/dns", "IONOS_API_KEY")
