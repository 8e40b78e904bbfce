"""Variomedia. api.variomedia.de/docs, lego's fixtures, acme.sh: JSON:API, changes are jobs."""

from vendor import *  # noqa: F403

RECORD = {"id": "{id}", "type": "dns-record",
          "attributes": {"record_type": "{type}", "name": "{name@}", "domain": "{zone}", "fqdn": "{fqdn}",
                         "data": "{value}", "ttl": "{ttl#int}"}}
JOB = {"data": {"id": "{job}", "type": "queue-job", "attributes": {"status": "pending"}}}
TYPE = {"Content-Type": "application/vnd.api+json"}

FACTS = Vendor(
    "https://api.variomedia.de",
    auth=bearer("VARIOMEDIA_API_TOKEN", "token"),
    ids=texts, zone_ids=None, polls=2,
    error=Error(400, {"errors": [{"status": "400", "title": "{text}", "id": "x"}]}),
    errors={"absent": 404, "unauthorised": 401},
    routes=[
        list_records("/dns-records", {"data": each("records", RECORD)}, query={"filter[domain]": "{zone}"}),
        create("/dns-records", JOB, status=202, job=True, headers=TYPE,
               json={"data": {"type": "dns-record", "attributes": {
                   "record_type": "TXT", "name": "{name@}", "domain": "{zone}", "data": "{value}",
                   "ttl": "{ttl#int}"}}}),
        delete("/dns-records/{id}", JOB, status=202, job=True),
        poll("/queue-jobs/{job}", {"data": {"id": "{job}", "attributes": {"job_type": "dns-record",
                                                                         "status": "{state}"}}},
             words=("done", "pending", "error")),
    ])
