"""Zone.ee. api.zone.eu/v2, lego's fixtures: a list of TXT alone, no TTL."""

from vendor import *  # noqa: F403

RECORD = {"resource_url": "x", "id": "{id}", "name": "{fqdn}", "destination": "{value}",
          "delete": True, "modify": True}
PATH = "/dns/{zone}/txt"

FACTS = Vendor(
    "https://api.zone.eu/v2",
    auth=basic("{ZONEEE_API_USER}", "{ZONEEE_API_KEY}"),
    zone_ids=None, limit=(60, 60),
    error=Error(422, {"message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records(PATH, each("records", RECORD), only="TXT"),
        create(PATH, [RECORD], status=201, json={"name": "{fqdn}", "destination": "{value}"}),
        delete(PATH + "/{id}"),
    ])
