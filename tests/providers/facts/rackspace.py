"""Rackspace Cloud DNS. docs.rackspace.com/docs/cloud-dns, lego, dns-lexicon: changes are jobs."""

from vendor import *  # noqa: F403

RECORD = {"name": "{fqdn}", "id": "{id}", "type": "{type}", "data": "{value}", "ttl": "{ttl#int}",
          "updated": "x", "created": "x"}
JOB = {"status": "RUNNING", "verb": "x", "jobId": "{job}", "callbackUrl": "x", "requestUrl": "x"}
TENANT = "/123456"

FACTS = Vendor(
    "https://dns.api.rackspacecloud.com/v1.0",
    auth=token("RACKSPACE_USER", "RACKSPACE_API_KEY", header="X-Auth-Token", text="{token}"),
    ids=texts, zone_ids=integers, ttl=(300, 2147483647), polls=2, duplicates="refuse",
    skip={"raced": "a duplicate is told by the job, which fails"},
    error=Error(400, {"code": 400, "message": "{text}", "details": ""}),
    errors={"absent": 404, "unauthorised": 401, "duplicate": 409},
    routes=[
        login("https://identity.api.rackspacecloud.com/v2.0/tokens",
              {"access": {"token": {"id": "{token}", "expires": "x", "tenant": {"id": "123456",
                                                                               "name": "123456"}},
                          "serviceCatalog": [], "user": {}}}, auth=False,
              json={"auth": {"RAX-KSKEY:apiKeyCredentials": {"username": "{RACKSPACE_USER}",
                                                             "apiKey": "{RACKSPACE_API_KEY}"}}}),
        list_zones(TENANT + "/domains", {"domains": each("zones", {"name": "{zone}", "id": "{zone_id}"}),
                                         "totalEntries": "{total#int}"}, query={"name?": "{part}"}),
        list_records(TENANT + "/domains/{zone_id}/records",
                     {"records": each("records", RECORD), "totalEntries": "{total#int}"},
                     query={"type?": "{type}", "name?": "{fqdn}", "data?": "{value}"}, absent=True),
        create(TENANT + "/domains/{zone_id}/records", JOB, status=202, job=True,
               json={"records": [{"name": "{fqdn}", "type": "TXT", "data": "{value}", "ttl": "{ttl#int}"}]}),
        delete(TENANT + "/domains/{zone_id}/records", JOB, status=202, job=True, query={"id": "{id}"}),
        poll(TENANT + "/status/{job}", {"jobId": "{job}", "status": "{state}", "verb": "x"},
             query={"showDetails?": "true"}, words=("COMPLETED", "RUNNING", "ERROR")),
    ])
