"""Servercow. cp.servercow.de/client/plugin/support_manager/knowledgebase (DNS API), lego: one value is a text, several a list."""

from vendor import *  # noqa: F403

def listed(server, call):
    """All RRsets of the zone; one value is no list."""
    sets = server.do_list_rrsets(call)["rrsets"]
    return {"rrsets": [{**one, "content": one["records"][0]["value"] if len(one["records"]) == 1
                        else [record["value"] for record in one["records"]]} for one in sets]}


def written(server, call):
    content = call.found.pop("content")
    call.found["records"] = [{"value": one} for one in (content if isinstance(content, list)
                                                        else [content])]
    return server.do_put_rrset(call)


RRSET = {"name": "{name}", "type": "{type}", "ttl": "{ttl#int}", "content": "{content#json}"}
DONE = {"message": "ok"}

FACTS = Vendor(
    "https://api.servercow.de/dns/v1/domains",
    auth=headers(X_Auth_Username="{SERVERCOW_USERNAME}", X_Auth_Password="{SERVERCOW_PASSWORD}"),
    zone_ids=None,
    error=Error(200, {"error": "{text}"}),
    errors={"unauthorised": 401, "absent": 404},
    routes=[
        route(listed, "GET", "/{zone}", each("rrsets", RRSET)),
        route(written, "POST", "/{zone}", DONE,
              json={"type": "TXT", "name": "{name}", "ttl": "{ttl#int}", "content": "{content#json}"}),
        delete_rrset("/{zone}", DONE, status=200, json={"type": "TXT", "name": "{name}"}),
    ])
