"""ConoHa v3. doc.conoha.jp: as v2 with another identity service, whose token is in a header."""

from facts.conoha import family
from vendor import *  # noqa: F403

FACTS = family(
    "https://dns-service.c3j1.conoha.io", "", login(
        "https://identity.c3j1.conoha.io/v3/auth/tokens", {"token": {"methods": ["password"]}},
        auth=False, status=201, headers_out={"X-Subject-Token": "{token}"},
        json={"auth": {"identity": {"methods": ["password"], "password": {"user": {
            "id": "{CONOHAV3_API_USER_ID}", "password": "{CONOHAV3_API_PASSWORD}"}}},
            "scope": {"project": {"id": "{CONOHAV3_TENANT_ID}"}}}}),
    "uuid", ("CONOHAV3_TENANT_ID", "CONOHAV3_API_USER_ID", "CONOHAV3_API_PASSWORD"))
