"""webnames.ru. github.com/regtime-ltd/certbot-dns-webnames (by the vendor), lego: name and value in one parameter."""

from vendor import *  # noqa: F403

PATH = "/scripts/json_domain_zone_manager.pl"


def asked(name):
    return {"domain": "{zone}", "type": "TXT", "record": "{name@}:{value}", "action": name}


FACTS = Vendor(
    "https://www.webnames.ru",
    auth=in_body(apikey="{WEBNAMESRU_API_KEY}"),
    zone_ids=None, duplicates="same",
    error=Error(200, {"result": "ERROR", "details": "{text}"}),
    skip={"credentials": "ERROR tells nothing of the reason",
          "vanished": "what it says of a record that is gone is not known"},
    routes=[
        add_value(PATH, {"result": "OK", "details": ""}, status=200, form=asked("add")),
        remove_value(PATH, {"result": "OK", "details": ""}, method="POST", status=200, form=asked("delete"),
                     missing="ok"),
    ])
