"""NameSilo. namesilo.com/api-reference (XML), lego, dns-lexicon: writes by GET, hosts in lists are whole names."""

from vendor import *  # noqa: F403

from xml.sax.saxutils import escape

from dry_run import Reply


def said(code, detail, more=""):
    return (f"<namesilo><request><operation>x</operation><ip>192.0.2.1</ip></request><reply><code>{code}"
            f"</code><detail>{detail}</detail>{more}</reply></namesilo>")


def listed(server, call):
    texts = [f"<resource_record><record_id>{one['id']}</record_id><type>{one['type']}</type><host>"
             f"{one['fqdn']}</host><value>{escape(one['value'])}</value><ttl>{one['ttl']}</ttl><distance>0"
             "</distance></resource_record>" for one in server.do_list_records(call)["records"]]
    return Reply(200, said(300, "success", "".join(texts)), (("content-type", "text/xml"),))


AUTH = {"version": "1", "type": "xml", "key": "{NAMESILO_API_KEY}"}

FACTS = Vendor(
    "https://www.namesilo.com/api",
    auth=Auth(query=AUTH),
    ids=hexes, zone_ids=None, ttl=(3600, 2592000),
    skip={"vanished": "280 is any error of the DNS, so it does not tell that a record is gone"},
    error=Error(200, said(280, "{text}")),
    errors={"unauthorised": Error(200, said(110, "{text}"))},
    routes=[
        route(listed, "GET", "/dnsListRecords", query={"domain": "{zone}"}),
        create("/dnsAddRecord", said(300, "success", "<record_id>{id}</record_id>"), method="GET", status=200,
               query={"domain": "{zone}", "rrtype": "TXT", "rrhost": "{name}", "rrvalue": "{value}",
                      "rrttl": "{ttl}"}),
        delete("/dnsDeleteRecord", said(300, "success"), method="GET", status=200,
               query={"domain": "{zone}", "rrid": "{id}"}),
    ])
