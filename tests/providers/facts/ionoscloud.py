"""IONOS Cloud DNS. api.ionos.com/docs/dns/v1, sdk-go-dns: properties, offset and limit, changes are accepted (202)."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "record", "href": "/zones/{zone_id}/records/{id}",
          "metadata": {"fqdn": "{fqdn}", "state": "AVAILABLE", "zoneId": "{zone_id}"},
          "properties": {"name": "{name}", "type": "{type}", "content": "{value}", "ttl": "{ttl#int}",
                         "enabled": True}}

FACTS = Vendor(
    "https://dns.de-fra.ionos.com",
    auth=bearer("IONOSCLOUD_API_TOKEN"), ids=uuid, zone_ids=uuid, ttl=(60, 604800),
    error=Error(400, {"httpStatus": "{status#int}", "messages": [{"errorCode": "e", "message": "{text}"}]}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_zones("/zones", {"id": "1", "type": "collection", "offset": 0, "limit": 100,
                              "items": each("zones", {"id": "{zone_id}", "type": "zone",
                                                      "properties": {"zoneName": "{zone}",
                                                                     "enabled": True}})},
                   query={"filter.zoneName?": "{zone}"}),
        list_records("/zones/{zone_id}/records", {"id": "1", "type": "collection", "limit": 1000,
                                                  "offset": "{offset#int}",
                                                  "items": each("records", RECORD)},
                     paging=offsets(usual=100, largest=1000, told=False)),
        create("/zones/{zone_id}/records", RECORD, status=202,
               json={"properties": {"name": "{name}", "type": "TXT", "content": "{value}",
                                    "ttl": "{ttl#int}", "enabled?": True}}),
        delete("/zones/{zone_id}/records/{id}", {}, status=202),
    ])
