"""ZoneEdit. support.zoneedit.com (dynamic TXT), lego, acme.sh: writes by GET, replies that are nearly XML."""

from vendor import *  # noqa: F403

DONE = '<SUCCESS CODE="200" TEXT="{fqdn} TXT updated to {value}" ZONE="{zone}">'
QUERY = {"host": "{fqdn}", "rdata": "{value}"}

FACTS = Vendor(
    "https://dynamic.zoneedit.com",
    auth=basic("{ZONEEDIT_USER}", "{ZONEEDIT_AUTH_TOKEN}"),
    zone_ids=None, duplicates="same", limit=(1, 10),
    error=Error(200, '<ERROR CODE="{code}" TEXT="{text}" ZONE="x">'), errors={"unauthorised": 401},
    routes=[
        add_value("/txt-create.php", DONE, method="GET", status=200, query=QUERY),
        remove_value("/txt-delete.php", DONE, method="GET", status=200, query=QUERY, missing="ok"),
    ])
