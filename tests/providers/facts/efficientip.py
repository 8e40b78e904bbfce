"""EfficientIP SOLIDserver. REST API: a WHERE clause in lists, 204 for none, errno 20117 for what is not there."""

import re

from vendor import *  # noqa: F403

RECORD = {"errno": "0", "rr_id": "{id}", "rr_full_name": "{fqdn}", "rr_type": "{type}", "value1": "{value}",
          "ttl": "{ttl}", "dns_name": "dns.smart", "dnszone_name": "{zone}"}


def listed(server, call):
    form = re.fullmatch(r"rr_type='TXT' and rr_full_name='([^']*)'", call.found["where"])
    if form is None:
        raise ValueError("WHERE")
    found = [server.record_variables(one) for one in server.at(None, form.group(1), "TXT")]
    if not found:
        from server import Reply
        return Reply(204, "")
    return {"records": found}


FACTS = Vendor(
    "https://solid.example/rest", settings={"hostname": "solid.example", "dns-name": "dns.smart"},
    auth=basic("{EFFICIENTIP_USERNAME}", "{EFFICIENTIP_PASSWORD}"), ids=texts, zone_ids=None,
    error=Error(400, {"errno": "1", "errmsg": "{text}", "severity": "error"}),
    errors={"unauthorised": 401,
            "absent": Error(400, {"errno": "20117", "errmsg": "This RR does not exist"})},
    routes=[
        route(listed, "GET", "/dns_rr_list", each("records", RECORD), query={"WHERE": "{where}"}),
        create("/dns_rr_add", [{"ret_oid": "{id}"}], status=201,
               json={"rr_name": "{fqdn}", "rr_type": "TXT", "value1": "{value}", "dns_name": "dns.smart"}),
        delete("/dns_rr_delete", [{"ret_oid": "{id}"}], query={"rr_id": "{id}"}),
    ])
