"""Joker, SVC mode. joker.com/faq (Let's Encrypt by dynamic DNS), lego: one TXT for each name."""

from vendor import *  # noqa: F403

FORM = {"zone": "{zone}", "label": "{name@}", "type": "TXT"}

FACTS = Vendor(
    "https://svc.joker.com",
    auth=in_body(username="{JOKER_USERNAME}", password="{JOKER_PASSWORD}"),
    zone_ids=None, slot=1, foreign=False,
    error=Error(400, "{text}"),
    errors={"unauthorised": 401},
    routes=[
        clear_slot("/nic/replace", "OK: 1 inserted, 1 deleted", method="POST", form={**FORM, "value": ""}),
        set_slot("/nic/replace", "OK: 1 inserted, 0 deleted", method="POST", form={**FORM, "value": "{value}"}),
    ])
