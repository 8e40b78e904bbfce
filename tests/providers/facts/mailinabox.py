"""Mail-in-a-Box. mailinabox.email/api-docs (custom DNS records), lego: values are the body of requests."""

from vendor import *  # noqa: F403

PATH = "/admin/dns/custom/{fqdn}/TXT"

FACTS = Vendor(
    "https://box.example",
    auth=basic("{MAILINABOX_EMAIL}", "{MAILINABOX_PASSWORD}"),
    settings={"base-url": "https://box.example"},
    zone_ids=None, duplicates="same",
    error=Error(400, "{text}"),
    errors={"unauthorised": 401},
    routes=[
        list_records(PATH, each("records", {"qname": "{fqdn}", "rtype": "{type}", "value": "{value}",
                                            "zone": "{zone}"}), kind="TXT"),
        add_value(PATH, "updated DNS: {zone}", status=200, text="{value}"),
        remove_value(PATH, "updated DNS: {zone}", status=200, text="{value}", missing="ok"),
    ])
