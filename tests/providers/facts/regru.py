"""reg.ru. reg.ru/reseller/api2doc (zone functions), lego: JSON in a form, errors for all and for each domain."""

import json

from server import Refusal
from shape import Mismatch, match
from vendor import *  # noqa: F403

FORM = {"input_data": "{input}", "input_format": "json"}
RECORD = {"subname": "{name@}", "rectype": "{type}", "content": "{value}", "prio": "0", "state": "A"}


def said(**more):
    return {"result": "success", "charset": "utf-8",
            "answer": {"domains": [{"dname": "{zone}", "result": "success", **more}]}}


def asked(operation, shape):
    """What is asked stands as JSON in the form."""
    def run(server, call):
        try:
            match({"domains": [{"dname": "{zone}"}], "output_content_type": "plain", **shape},
                  json.loads(call.found["input"]), call.found)
            server.resolve(call, call.found)
        except Mismatch as fault:
            raise Refusal("invalid", str(fault), fault=True) from None
        return getattr(server, operation)(call)
    return run


FACTS = Vendor(
    "https://api.reg.ru/api/regru2",
    auth=in_body(username="{REGRU_USERNAME}", password="{REGRU_PASSWORD}"),
    zone_ids=None, duplicates="same",
    error=Error(200, {"result": "error", "error_code": "{code}", "error_text": "{text}"}),
    errors={"unauthorised": Error(200, {"result": "error", "error_code": "PASSWORD_AUTH_FAILED",
                                        "error_text": "{text}"})},
    routes=[
        route(asked("do_list_records", {}), "POST", "/zone/get_resource_records",
              said(rrs=each("records", RECORD)), form=FORM),
        route(asked("do_add_value", {"subdomain": "{name@}", "text": "{value}"}), "POST", "/zone/add_txt",
              said(), form=FORM),
        route(asked("do_remove_value", {"subdomain": "{name@}", "content": "{value}", "record_type": "TXT"}),
              "POST", "/zone/remove_record", said(), form=FORM),
    ], skip={"vanished": "what it says of a record that is gone is not known"})
