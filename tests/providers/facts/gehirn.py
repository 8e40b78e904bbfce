"""Gehirn DNS. support.gehirn.jp/apidocs/dns; lexicon's recorded replies: a record holds all values of a name."""

from vendor import *  # noqa: F403

RECORD = {"id": "{rrset_id}", "name": "{fqdn.}", "type": "{type}", "ttl": "{ttl#int}",
          "enable_alias": False, "records": each("records", {"data": "{value}"})}
GIVEN = {"id?": "{rrset_id}", "name": "{fqdn.}", "type": "TXT", "ttl": "{ttl#int}",
         "enable_alias?": False, "records": each("records", {"data": "{value}"}, least=1)}
PATH = "/zones/{zone_id}/versions/{version}/records"

FACTS = Vendor(
    "https://api.gis.gehirn.jp/dns/v1",
    auth=basic("{GEHIRN_TOKEN_ID}", "{GEHIRN_TOKEN_SECRET}"), zone_ids=uuid,
    zone_more=lambda zone: {"version": "version-of-" + zone.name.replace(".", "-")},
    error=Error(400, {"code": "{status#int}", "description": "{text}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_zones("/zones", each("zones", {"id": "{zone_id}", "name": "{zone}",
                                            "current_version_id": "{version}"})),
        route("list_rrsets", "GET", PATH, each("rrsets", RECORD)),
        put_rrset(PATH, RECORD, method="POST", only="absent", json=GIVEN),
        put_rrset(PATH + "/{rrset_id}", RECORD, only="present", json=GIVEN),
        delete_rrset(PATH + "/{rrset_id}", {"id": "{rrset_id}"}),
    ])
