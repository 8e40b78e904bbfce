"""Dinahosting. en.dinahosting.com/api; lexicon's recorded replies: commands in a form, `text`, codes in the body."""

from vendor import *  # noqa: F403

GOOD = {"trId": "dh5", "responseCode": 1000, "message": "Success."}


def wrong(code, text="{text}"):
    return Error(200, {"trId": "dh6", "responseCode": code,
                       "errors": [{"message": text, "code": code, "parameter": ""}]})


def listed(server, call):
    call.found["type"] = "TXT"
    return server.do_list_records(call)


CHANGE = {"domain": "{zone}", "hostname": "{name}", "text": "{value}", "responseType": "Json"}

FACTS = Vendor(
    "https://dinahosting.com/special",
    auth=in_body(AUTH_USER="{DINAHOSTING_USERNAME}", AUTH_PWD="{DINAHOSTING_PASSWORD}"), zone_ids=None,
    duplicates="refuse", error=wrong(2004),
    errors={"unauthorised": wrong(2200, "Authentication error."), "duplicate": wrong(2400, "Command failed."),
            "absent": wrong(2303)},
    skip={"vanished": "what it says of a record that is not there is not known",
          "raced": "code 2400 tells no reason"},
    routes=[
        route(listed, "POST", "/api.php", {**GOOD, "data": each("records", {"host": "{name}",
                                                                            "text": "{value}"})},
              form={"command": "Domain_Zone_GetTypeTXT", "domain": "{zone}", "responseType": "Json"}),
        add_value("/api.php", {**GOOD, "data": None}, form={"command": "Domain_Zone_AddTypeTXT", **CHANGE}),
        remove_value("/api.php", {**GOOD, "data": None}, method="POST",
                     form={"command": "Domain_Zone_DeleteTypeTXT", **CHANGE}),
    ])
