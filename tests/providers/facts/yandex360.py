"""Yandex 360. yandex.ru/dev/api360 (DomainDNSService), lego: text in a member of its own."""

from vendor import *  # noqa: F403

RECORD = {"recordId": "{id#int}", "name": "{name@}", "type": "{type}", "text": "{value}",
          "ttl": "{ttl#int}"}
PATH = "/directory/v1/org/123456/domains/{zone}/dns"

FACTS = Vendor(
    "https://api360.yandex.net",
    auth=Auth(headers={"Authorization": "OAuth {YANDEX360_OAUTH_TOKEN}"}),
    settings={"org-id": "123456"},
    zone_ids=None,
    error=Error(400, {"code": 3, "message": "{text}", "details": []}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records(PATH, {"records": each("records", RECORD), "page": "{page#int}", "pages": "{pages#int}",
                            "perPage": "{size#int}", "total": "{total#int}"},
                     paging=pages(size="perPage", usual=50, largest=50)),
        create(PATH, RECORD, status=200,
               json={"name": "{name@}", "text": "{value}", "ttl": "{ttl#int}", "type": "TXT"}),
        delete(PATH + "/{id}", {}, status=200),
    ])
