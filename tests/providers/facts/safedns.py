"""ANS SafeDNS. developers.ukfast.io/documentation/safedns, lego, recorded replies in dns-lexicon."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "template_id": None, "name": "{fqdn}", "type": "{type}",
          "content": "{qvalue}", "updated_at": "x", "ttl": "{ttl#int}", "priority": None}

FACTS = Vendor(
    "https://api.ukfast.io/safedns/v1",
    auth=Auth(headers={"Authorization": "{SAFEDNS_AUTH_TOKEN}"}),
    zone_ids=None,
    error=Error(400, {"message": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        get_zone("/zones/{zone}", {"data": {"name": "{zone}"}}),
        list_records("/zones/{zone}/records",
                     {"data": each("records", RECORD),
                      "meta": {"pagination": {"total": "{total#int}", "links": {"next": "{link#json}"}}}},
                     paging=links()),
        create("/zones/{zone}/records", {"data": {"id": "{id#int}"}, "meta": {"location": "x"}}, status=201,
               json={"name": "{fqdn}", "type": "TXT", "content": "{qvalue}", "ttl": "{ttl#int}"}),
        delete("/zones/{zone}/records/{id}"),
    ])
