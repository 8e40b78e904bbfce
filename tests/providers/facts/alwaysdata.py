"""alwaysdata. help.alwaysdata.com/en/api: the key is a user without password; paths end with a slash."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id#int}", "domain": {"href": "/v1/domain/{zone_id}/"}, "type": "{type}", "name": "{name}",
          "value": "{value}", "ttl": "{ttl#int}", "annotation": "{note}", "is_active": True}

FACTS = Vendor(
    "https://api.alwaysdata.com/v1",
    auth=[Auth(basic=("{ALWAYSDATA_API_KEY}", "")),
          Auth(basic=("{ALWAYSDATA_API_KEY} account={ALWAYSDATA_ACCOUNT}", ""))], zone_ids=integers,
    error=Error(400, {"message": "{text}"}), errors={"unauthorised": 401, "absent": 404},
    routes=[
        list_zones("/domain/", each("zones", {"id": "{zone_id#int}", "name": "{zone}"})),
        list_records("/record/", each("records", RECORD),
                     query={"domain?": "{zone_id}", "name?": "{name}"}),
        create("/record/", status=201,
               json={"domain": "{zone_id#int}", "name": "{name}", "type": "TXT", "value": "{value}",
                     "ttl": "{ttl#int}", "annotation?": "{note}"}),
        delete("/record/{id}/"),
    ])
