"""Netnod. primarydnsapi.netnod.se (PowerDNS, with EXTEND and PRUNE), lego."""

from vendor import *  # noqa: F403

PATH = "/api/v1/zones/{zone.}"


def change(kind):
    return {"rrsets": [{"name": "{fqdn.}", "type": "TXT", "ttl": "{ttl#int}", "changetype": kind,
                        "records": each("records", {"content": "{qvalue}", "disabled?": False}, least=1)}]}


FACTS = Vendor(
    "https://primarydnsapi.netnod.se",
    auth=bearer("NETNOD_TOKEN", "Token"),
    zone_ids=None, duplicates="same",
    error=Error(422, {"error": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        add_value(PATH, method="PATCH", status=204, json=change("EXTEND")),
        remove_value(PATH, method="PATCH", status=204, json=change("PRUNE"), missing="ok"),
    ])
