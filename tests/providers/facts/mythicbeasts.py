"""Mythic Beasts. mythic-beasts.com/support/api/dnsv2; recorded replies in dns-lexicon and lego."""

from vendor import *  # noqa: F403

FACTS = Vendor(
    "https://api.mythic-beasts.com/dns/v2",
    auth=token("MYTHICBEASTS_USERNAME", "MYTHICBEASTS_PASSWORD"),
    zone_ids=None, duplicates="refuse",
    error=Error(400, {"error": "{text}"}),
    errors={"absent": 404, "unauthorised": 401,
            "duplicate": Error(400, {"errors": ["Duplicate record"]})},
    routes=[
        login("https://auth.mythic-beasts.com/login",
              {"access_token": "{token}", "expires_in": 300, "token_type": "bearer"}, auth=False,
              form={"grant_type": "client_credentials"},
              basic=("{MYTHICBEASTS_USERNAME}", "{MYTHICBEASTS_PASSWORD}")),
        get_rrset("/zones/{zone}/records/{name@}/TXT", {"records": each(
            "records", {"host": "{name@}", "ttl": "{ttl#int}", "type": "TXT", "data": "{value}"})},
                  empty=True),
        add_value("/zones/{zone}/records/{name@}/TXT", {"records_added": 1, "message": "1 record added"},
                  json={"records": each("records", {"host": "{name@}", "ttl": "{ttl#int}", "type": "TXT",
                                                    "data": "{value}"}, least=1)}),
        remove_value("/zones/{zone}/records/{name@}/TXT",
                     {"records_removed": 1, "message": "1 record removed"},
                     query={"data": "{value}"}),
    ])
