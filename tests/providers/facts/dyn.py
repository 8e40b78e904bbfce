"""Dyn Managed DNS. help.dyn.com/rest: a session, status in the body, records under their name, publish."""

from vendor import *  # noqa: F403

RECORD = {"fqdn": "{fqdn}", "zone": "{zone}", "record_id": "{id#int}", "record_type": "TXT",
          "ttl": "{ttl#int}", "rdata": {"txtdata": "{value}"}}
PATH = "/TXTRecord/{zone}/{fqdn}"


def good(data):
    return {"status": "success", "data": data, "job_id": 123, "msgs": []}


def wrong(code):
    return {"status": "failure", "data": {}, "job_id": 1,
            "msgs": [{"INFO": "{text}", "ERR_CD": code, "LVL": "ERROR", "SOURCE": "BLL"}]}


def listed(server, call):
    call.found["type"] = "TXT"
    return server.do_list_records(call)


FACTS = Vendor(
    "https://api.dynect.net/REST",
    auth=token("DYN_CUSTOMER_NAME", "DYN_USER_NAME", "DYN_PASSWORD", header="Auth-Token", text="{token}"),
    zone_ids=None, publishes=True, limit=(5, 1),
    error=Error(400, wrong("INVALID_DATA")),
    errors={"unauthorised": Error(401, wrong("INVALID_DATA")), "absent": Error(404, wrong("NOT_FOUND"))},
    routes=[
        login("/Session", good({"token": "{token}", "version": "3.7.16"}), auth=False,
              json={"customer_name": "{DYN_CUSTOMER_NAME}", "user_name": "{DYN_USER_NAME}",
                    "password": "{DYN_PASSWORD}"}),
        route(listed, "GET", PATH, good(each("records", RECORD)), query={"detail": "Y"}, absent=True),
        create(PATH, good(RECORD), json={"rdata": {"txtdata": "{value}"}, "ttl": "{ttl}"}),
        delete(PATH + "/{id}", good({})),
        publish("/Zone/{zone}", good({}), method="PUT", json={"publish": True, "notes?": "{note}"}),
    ])
