"""Sakura Cloud. sacloud/iaas-api-go, lego, dns-lexicon: records are settings of a zone's item, whose hash locks them."""

from vendor import *  # noqa: F403

RECORD = {"Name": "{name@}", "Type": "{type}", "RData": "{value}", "TTL": "{ttl#int}"}
ITEM = {"ID": "{zone_id}", "Name": "{zone}", "Status": {"Zone": "{zone}", "NS": []},
        "Provider": {"Class": "dns"}, "SettingsHash": "{serial}",
        "Settings": {"DNS": {"ResourceRecordSets": each("records", RECORD)}}}
FILTER = {"Filter": {"Provider.Class": "dns", "Name?": "{part}"}}


def found(server, call):
    """The query is JSON, without a name; Name finds parts of names, too."""
    query = json.loads(next(iter(call.query)))
    if query.get("Filter", {}).get("Provider.Class") != "dns":
        raise ValueError("Provider.Class is missing")
    call.found["part"] = query["Filter"].get("Name", "")
    items = [{**one, "records": []} for one in server.do_list_zones(call)["zones"]]
    return {"zones": items}


FACTS = Vendor(
    "https://secure.sakura.ad.jp/cloud/zone/is1a/api/cloud/1.1",
    auth=basic("{SAKURACLOUD_ACCESS_TOKEN}", "{SAKURACLOUD_ACCESS_TOKEN_SECRET}"),
    zone_ids=texts, ttl=(10, 3600000),
    error=Error(400, {"is_fatal": True, "status": "400 Bad Request", "error_code": "{code}",
                      "error_msg": "{text}"}),
    errors={"absent": 404, "unauthorised": 401, "conflict": 409},
    routes=[
        route(found, "GET", "/commonserviceitem", {"CommonServiceItems": each("zones", ITEM)},
              query={"{filter}": ""}),
        get_document("/commonserviceitem/{zone_id}", {"CommonServiceItem": ITEM, "is_ok": True}),
        put_document("/commonserviceitem/{zone_id}", {"CommonServiceItem": ITEM, "is_ok": True}, status=200,
                     json={"CommonServiceItem": {
                         "Settings": {"DNS": {"ResourceRecordSets": each("records", {
                             "Name": "{name@}", "Type": "{type}", "RData": "{value}", "TTL?": "{ttl#int}"})}},
                         "SettingsHash?": "{serial}"}}),
    ])
