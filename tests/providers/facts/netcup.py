"""netcup. ccp.netcup.net/run/webservice/servers/endpoint.php, lego: one address, sessions, errors in the body."""

from vendor import *  # noqa: F403

PATH = "/endpoint.php"
JSON = {"JSON": ""}
RECORD = {"id": "{id}", "hostname": "{name@}", "type": "{type}", "priority": "0",
          "destination": "{value}", "deleterecord": False, "state": "yes"}


def said(data, status="success", text="Done", code=2000):
    return {"serverrequestid": "x", "clientrequestid": "", "action": "x", "status": status,
            "statuscode": code, "shortmessage": text, "longmessage": text, "responsedata": data}


def asked(action, **more):
    return {"action": action, "param": {"customernumber": "{NETCUP_CUSTOMER_NUMBER}",
                                        "apikey": "{NETCUP_API_KEY}", **more}}


def checked(operation):
    """A session is in the body, inside of `param`, beside number and key."""
    def run(server, call):
        keys = ("NETCUP_CUSTOMER_NUMBER", "NETCUP_API_KEY")
        if call.found.get("session") not in server.tokens or any(
                call.found.get(key) != server.credentials[key] for key in keys):
            from server import Refusal
            raise Refusal("unauthorised", "The session id is not in a valid format", fault=True)
        return getattr(server, operation)(call)
    return run


SESSION = {"apisessionid": "{session}"}
SET = {"domainname": "{zone}", **SESSION}

FACTS = Vendor(
    "https://ccp.netcup.net/run/webservice/servers",
    auth=Auth(also=("NETCUP_CUSTOMER_NUMBER", "NETCUP_API_KEY", "NETCUP_API_PASSWORD")),
    ids=texts, zone_ids=None, skip={"vanished": "what it says of a record that is gone is not known"},
    error=Error(200, said("", "error", "{text}", 4013)),
    errors={"unauthorised": Error(200, said("", "error", "{text}", 4001)),
            "absent": Error(200, said("", "error", "{text}", 5029))},
    routes=[
        login(PATH, said({"apisessionid": "{token}"}), query=JSON, auth=False,
              json=asked("login", apipassword="{NETCUP_API_PASSWORD}")),
        logout(PATH, said(""), query=JSON, json=asked("logout", **SESSION)),
        route(checked("do_list_records"), "POST", PATH, said({"dnsrecords": each("records", RECORD)}),
              query=JSON, json=asked("infoDnsRecords", **SET)),
        route(checked("do_create"), "POST", PATH, said({"dnsrecords": []}), query=JSON,
              json=asked("updateDnsRecords", **SET, dnsrecordset={"dnsrecords": [
                  {"hostname": "{name@}", "type": "TXT", "destination": "{value}"}]})),
        route(checked("do_delete"), "POST", PATH, said({"dnsrecords": []}), query=JSON,
              json=asked("updateDnsRecords", **SET, dnsrecordset={"dnsrecords": [
                  {"id": "{id}", "hostname": "{name@}", "type": "TXT", "destination": "{value}",
                   "deleterecord": True}]})),
    ])
