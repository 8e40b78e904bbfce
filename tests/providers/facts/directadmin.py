"""DirectAdmin. directadmin.com/api.php; lexicon's recorded replies: forms, `json=yes`, records of all types in one list."""

from vendor import *  # noqa: F403

RECORD = {"type": "{type}", "name": "{name}", "value": "{qvalue}", "combined": "name={name}&value={value}",
          "ttl": "{ttl}"}
GOOD = {"result": "", "success": "record added"}
WHERE = {"domain": "{zone}", "json": "yes"}

FACTS = Vendor(
    "https://da.example:2222", settings={"base-url": "https://da.example:2222"},
    auth=basic("{DIRECTADMIN_USERNAME}", "{DIRECTADMIN_PASSWORD}"), zone_ids=None,
    error=Error(500, {"error": "Error", "result": "{text}"}),
    errors={"unauthorised": 401, "invalid": Error(200, {"error": "Error", "result": "{text}"}),
            "absent": Error(200, {"error": "Error", "result": "{text}"})},
    skip={"refused": "a refusal with status 500 is asked again",
          "vanished": "what it says of a record that is not there is not known"},
    routes=[
        list_records("/CMD_API_DNS_CONTROL", {"records": each("records", RECORD)}, query=WHERE),
        add_value("/CMD_API_DNS_CONTROL", GOOD, query=WHERE,
                  form={"action": "add", "name": "{name}", "type": "TXT", "value": "{anyvalue}",
                        "ttl?": "{ttl}"}),
        remove_value("/CMD_API_DNS_CONTROL", GOOD, query=WHERE, method="POST",
                     form={"action": "delete", "name": "{name}", "type": "TXT", "value": "{anyvalue}"}),
    ])
