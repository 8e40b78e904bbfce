"""lego's httpreq. go-acme.github.io/lego/dns/httpreq: default mode, optional basic authentication."""

from vendor import *  # noqa: F403

BODY = {"fqdn": "{fqdn.}", "value": "{value}"}

FACTS = Vendor(
    "https://httpreq.example/api",
    auth=[Auth(), basic("{HTTPREQ_USERNAME}", "{HTTPREQ_PASSWORD}")],
    settings={"base-url": "https://httpreq.example/api"},
    duplicates="same",
    error=Error(400),
    routes=[
        add_value("/present", status=200, json=BODY),
        remove_value("/cleanup", status=200, method="POST", json=BODY, missing="ok"),
    ])
