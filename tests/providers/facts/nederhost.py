"""NederHost. nederhost.nl/docs/api, lego, acme.sh: PATCH adds, DELETE takes the content."""

from vendor import *  # noqa: F403

PATH = "/zones/{zone}/records/{fqdn}/TXT"

FACTS = Vendor(
    "https://api.nederhost.nl/dns/v1",
    auth=bearer("NEDERHOST_API_KEY"),
    zone_ids=None, duplicates="same",
    error=Error(400, {"error": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        add_value(PATH, {}, method="PATCH", status=200, json=each("records", {"content": "{value}"}, least=1)),
        remove_value(PATH, query={"content": "{value}"}),
    ])
