"""G-Core DNS. api.gcore.com/docs/dns: an RRset's records are lists of contents."""

from vendor import *  # noqa: F403


def family(base, token):
    path = "/v2/zones/{zone}/{fqdn}/TXT"
    records = each("records", {"content": ["{value}"], "enabled?": True})
    return Vendor(
        base, auth=Auth(headers={"Authorization": f"APIKey {{{token}}}"}), zone_ids=None,
        error=Error(400, {"error": "{text}"}), errors={"unauthorised": 401, "absent": 404},
        routes=[
            get_zone("/v2/zones/{zone}", {"name": "{zone}", "nx_ttl": 300}),
            get_rrset(path, {"name": "{fqdn}", "type": "TXT", "ttl": "{ttl#int}",
                             "resource_records": records}),
            put_rrset(path, {"name": "{fqdn}"}, method="POST", only="absent",
                      json={"ttl": "{ttl#int}", "resource_records": records}),
            put_rrset(path, {"name": "{fqdn}"}, only="present",
                      json={"ttl": "{ttl#int}", "resource_records": records}),
            delete_rrset(path),
        ])


FACTS = family("https://api.gcore.com/dns", "GCORE_PERMANENT_API_TOKEN")
