"""OpusDNS. developers.opusdns.com, acme.sh (by the vendor): operations on records, data in quotes."""

from vendor import *  # noqa: F403

PATH = "/v1/dns/{zone}/records"


def change(name):
    return {"ops": [{"op": name, "record": {"name": "{name@}", "type": "TXT", "ttl": "{ttl#int}",
                                            "rdata": "{qvalue}"}}]}


FACTS = Vendor(
    "https://api.opusdns.com",
    auth=Auth(headers={"X-Api-Key": "{OPUSDNS_API_KEY}"}),
    zone_ids=None, duplicates="same",
    error=Error(422, {"type": "x", "title": "{code}", "detail": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        add_value(PATH, {}, method="PATCH", status=200, json=change("upsert")),
        remove_value(PATH, {}, method="PATCH", status=200, json=change("remove"), missing="ok"),
    ])
