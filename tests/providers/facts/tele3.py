"""Tele3. tele3.cz/system-acme-api, lego, acme.sh: the word success or what was wrong."""

from vendor import *  # noqa: F403

def asked(name):
    return {"ope": name, "domain": "{fqdn}", "value": "{value}"}


FACTS = Vendor(
    "https://www.tele3.cz",
    auth=in_body(key="{TELE3_KEY}", secret="{TELE3_SECRET}"),
    zone_ids=None, duplicates="same",
    error=Error(200, "{text}"), errors={"unauthorised": 401},
    routes=[
        add_value("/acme/", "success", status=200, json=asked("add")),
        remove_value("/acme/", "success", method="POST", status=200, json=asked("rm"), missing="ok"),
    ])
