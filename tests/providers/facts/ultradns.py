"""UltraDNS. ultradns.com REST API, lego, recorded replies in dns-lexicon: types with their number."""

from vendor import *  # noqa: F403

RDATA = each("records", "{value}", least=1)
RRSET = {"ownerName": "{fqdn.}", "rrtype": "TXT (16)", "ttl": "{ttl#int}", "rdata": each("records", "{value}")}
PATH = "/zones/{zone.}/rrsets/TXT/{fqdn.}"
BODY = {"ownerName": "{fqdn.}", "rrtype": "TXT", "ttl": "{ttl#int}", "rdata": RDATA}
DONE = {"message": "Successful"}

FACTS = Vendor(
    "https://api.ultradns.com",
    auth=token("ULTRADNS_USERNAME", "ULTRADNS_PASSWORD"),
    zone_ids=None,
    error=Error(400, [{"errorCode": 1, "errorMessage": "{text}"}]),
    errors={"absent": Error(404, [{"errorCode": 70002, "errorMessage": "Data not found."}]), "unauthorised": 401},
    routes=[
        login("/authorization/token", {"tokenType": "Bearer", "accessToken": "{token}", "access_token": "{token}",
                                       "expiresIn": "3600", "expires_in": "3600"}, auth=False,
              form={"grant_type": "password", "username": "{ULTRADNS_USERNAME}",
                    "password": "{ULTRADNS_PASSWORD}"}),
        get_rrset(PATH, {"zoneName": "{zone.}", "rrSets": [RRSET], "resultInfo": {"totalCount": 1}}),
        put_rrset(PATH, DONE, method="POST", status=201, only="absent", json=BODY),
        put_rrset(PATH, DONE, status=200, only="present", json=BODY),
        delete_rrset(PATH),
    ])
