"""deSEC. desec.readthedocs.io: one RRset and bulk requests; 404 of an RRset that is not there."""

from vendor import *  # noqa: F403

RRSET = {"domain": "{zone}", "subname": "{name}", "name": "{fqdn.}", "type": "TXT",
         "ttl": "{ttl#int}", "records": each("records", "{qvalue}"),
         "created": "2020-05-06T11:46:07.641885Z", "touched": "2020-05-06T11:46:07.641885Z"}
WRITTEN = {"subname": "{name}", "type": "TXT", "ttl": "{ttl#int}",
           "records": each("records", "{qvalue}")}

FACTS = Vendor(
    "https://desec.io/api/v1",
    auth=bearer("DESEC_TOKEN", "Token"),
    ttl=(3600, 86400), zone_ids=None, limit=(2, 1),
    error=Error(400, {"detail": "{text}"}),
    routes=[
        list_zones("/domains/", each("zones", {"name": "{zone}", "minimum_ttl": 3600}),
                   query={"owns_qname?": "{fqdn}"}),
        get_rrset("/domains/{zone}/rrsets/{name@}/TXT/", RRSET),
        put_rrset("/domains/{zone}/rrsets/", [RRSET], json=[WRITTEN], empty=True),
        put_rrset("/domains/{zone}/rrsets/", [RRSET], method="PATCH", json=[WRITTEN], empty=True),
        put_rrset("/domains/{zone}/rrsets/", RRSET, method="POST", status=201, json=WRITTEN,
                  only="absent"),
        put_rrset("/domains/{zone}/rrsets/{name@}/TXT/", RRSET, method="PATCH", only="present",
                  json={"ttl?": "{ttl#int}", "records": each("records", "{qvalue}")}, empty=True),
        # 204 whether it was there or not.
        delete_rrset("/domains/{zone}/rrsets/{name@}/TXT/", missing="ok"),
    ])
