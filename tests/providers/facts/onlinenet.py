"""Online.net. console.online.net/api, lego: the active version of a zone is changed."""

from server import Refusal
from vendor import *  # noqa: F403

PATH = "/domain/{zone}/version/active"
RECORD = {"id": "{id#int}", "name": "{name@}", "type": "{type}", "ttl": "{ttl#int}", "aux": "0",
          "data": "{qvalue}"}
ONE = {"name": "{name@}", "type": "TXT", "ttl": "{ttl#int}", "data": "{value}"}

def change(operation):
    """An operation and its records are of one name."""
    def run(server, call):
        if any(one["name@"] != call.found["name@"] for one in call.found["records"]):
            raise Refusal("invalid", "the names differ", fault=True)
        return getattr(server, operation)(call)
    return run


FACTS = Vendor(
    "https://api.online.net/api/v1",
    auth=bearer("ONLINENET_API_TOKEN"),
    zone_ids=None,
    error=Error(400, {"code": 1, "error": "{text}"}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records("/domain/{zone}/zone", each("records", RECORD)),
        route(change("do_add_value"), "PATCH", PATH, status=204,
              json=[{"name": "{name@}", "type": "TXT", "changeType": "ADD",
                     "records": each("records", ONE, least=1)}]),
        route(change("do_remove_value"), "PATCH", PATH, status=204, missing="ok",
              json=[{"name": "{name@}", "type": "TXT", "changeType": "DELETE", "data": "{value}",
                     "records": each("records", ONE, least=1)}]),
    ])
