"""Core Networks. beta.api.core-networks.de/doc: values are added and removed, then committed."""

from vendor import *  # noqa: F403

RECORD = {"name": "{name@}", "ttl": "{ttl#int}", "type": "{type}", "data": "{value}"}

FACTS = Vendor(
    "https://beta.api.core-networks.de",
    auth=token("CORENETWORKS_LOGIN", "CORENETWORKS_PASSWORD"), zone_ids=None, publishes=True,
    error=Error(400, {"message": "{text}"}), errors={"unauthorised": 401, "absent": 404},
    routes=[
        login("/auth/token", {"token": "{token}", "expires": 3600}, auth=False,
              json={"login": "{CORENETWORKS_LOGIN}", "password": "{CORENETWORKS_PASSWORD}"}),
        list_records("/dnszones/{zone}/records/", each("records", RECORD)),
        add_value("/dnszones/{zone}/records/", json={"name": "{name@}", "ttl": "{ttl#int}", "type": "TXT",
                                                     "data": "{value}"}),
        remove_value("/dnszones/{zone}/records/delete", method="POST", missing="ok",
                     json={"name": "{name@}", "ttl?": "{ttl#int}", "type": "TXT", "data": "{value}"}),
        publish("/dnszones/{zone}/records/commit"),
    ])
