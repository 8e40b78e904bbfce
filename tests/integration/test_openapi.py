"""GET /openapi.json: what it says of itself. conftest.py holds the answers of all tests against it."""

import http.client
import json
import re
import socket

import jsonschema
import pytest

from dns01d import Dns01d
from openapi import Contract, Unlike

CONTRACT = Contract()
HOLE = re.compile(r"{([^}]*)}")


def parts(node):
    """All objects in the document."""
    if isinstance(node, dict):
        yield node
        for part in node.values():
            yield from parts(part)
    elif isinstance(node, list):
        for part in node:
            yield from parts(part)


def test_it_is_served_without_a_credential(server):
    reply = server.request("GET", "/openapi.json")
    assert reply.status == 200
    assert reply.text.count("\n") == 0
    assert reply.json() == CONTRACT.document


def test_control_socket_has_it(server):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(server.state / "control.sock"))
    connection.request("GET", "/openapi.json")
    assert json.loads(connection.getresponse().read())["openapi"] == "3.1.0"
    connection.close()


def test_server_is_the_base_path(tmp_path):
    with Dns01d(tmp_path, {"api": {"base-path": "/dns"}}) as made:
        assert made.request("GET", "/openapi.json").status == 404
        document = made.request("GET", "/dns/openapi.json").json()
        assert document.pop("servers") == [{"url": "/dns"}]
        assert document == {k: v for k, v in CONTRACT.document.items() if k != "servers"}


def test_references_lead_somewhere():
    references = [part["$ref"] for part in parts(CONTRACT.document) if "$ref" in part]
    assert references
    for reference in references:
        assert CONTRACT.resolve({"$ref": reference})


def test_no_component_is_forgotten():
    used = {part["$ref"] for part in parts(CONTRACT.document) if "$ref" in part}
    for kind in ("headers", "responses", "schemas"):
        for name in CONTRACT.document["components"][kind]:
            assert f"#/components/{kind}/{name}" in used


def test_schemas_are_json_schema():
    """OpenAPI 3.1 takes JSON Schema of 2020-12 as it is."""
    schemas = [part["schema"] for part in parts(CONTRACT.document) if "schema" in part]
    for schema in [*schemas, *CONTRACT.document["components"]["schemas"].values()]:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_operations_are_named_once():
    names = [operation["operationId"] for _, _, operation in CONTRACT.operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in CONTRACT.document["tags"]}
    assert {tag for _, _, o in CONTRACT.operations() for tag in o["tags"]} == tags


def test_parameters_of_paths_are_declared():
    for path, item in CONTRACT.document["paths"].items():
        for method, operation in ((m, o) for p, m, o in CONTRACT.operations() if p == path):
            declared = item.get("parameters", []) + operation.get("parameters", [])
            assert all({"name", "in", "schema"} <= set(parameter) for parameter in declared)
            names = {p["name"] for p in declared if p["in"] == "path" and p["required"]}
            assert names == set(HOLE.findall(path)), f"{method} {path}"


def test_every_operation_has_what_openapi_demands():
    schemes = CONTRACT.document["components"]["securitySchemes"]
    for path, method, operation in CONTRACT.operations():
        assert operation["summary"], path
        assert any(status.startswith("2") for status in operation["responses"]), path
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status)
            assert CONTRACT.resolve(response)["description"], f"{method} {path} {status}"
        for requirement in operation["security"]:
            assert set(requirement) <= set(schemes)
        if method in ("get", "delete"):
            assert "requestBody" not in operation, path


class Answer:
    """What a server might say."""

    def __init__(self, status, body, headers=None):
        self.status = status
        self.headers = {"Content-Type": "application/json", **(headers or {})}
        self.body = json.dumps(body).encode()

    def json(self):
        return json.loads(self.body)


@pytest.mark.parametrize("answer", [
    Answer(200, {}),
    Answer(200, {"challenges": [], "more": 1}),
    Answer(200, {"challenges": [{"name": "a", "value": "b", "owner": "socket", "created": None}]}),
    Answer(201, {"challenges": []}),
    Answer(200, {"challenges": []}, {"Content-Type": "text/plain"}),
    Answer(401, {"error": "unauthorized", "detail": "x"}),
    Answer(403, {"error": "forbidden"}),
    Answer(429, {"error": "limit-reached", "detail": "x"}, {"Retry-After": "0"}),
])
def test_unlike_answers_are_seen(answer):
    with pytest.raises(Unlike):
        CONTRACT.check("GET", "/v1/challenges", answer)


def test_like_answers_pass():
    CONTRACT.check("GET", "/v1/challenges?x=y", Answer(200, {"challenges": []}))
    CONTRACT.check("GET", "/v1/challenges", Answer(403, {"error": "forbidden", "detail": "x"}))
    CONTRACT.check("PUT", "/v1/challenges", Answer(405, {}))
    CONTRACT.check("GET", "/nowhere", Answer(404, {}))


def test_operations_that_other_tests_reach_by_other_ways(tmp_path, contract):
    made = Dns01d(tmp_path, {"api": {"account-store": True}})
    made.token("admin", "secret-of-token-admin", verbs=["admin", "register"])
    with made:
        assert made.request("GET", "/healthz?verbose").status == 200
        assert made.request("DELETE", "/v1/account-store/a.test", token="admin").status == 200
        account = {"username": "c36f50e8-4632-44f0-83fe-e070fef28a10", "subdomain": "imported",
                   "password": "a" * 40, "values": [{"value": "v" * 43, "updated": 1}]}
        for body in ({"accounts": [account]}, {"accounts": [{**account, "username": "x"}]}):
            assert made.request("POST", "/v1/accounts/import", body, token="admin").status == 200
    seen = {operation for operation, status in contract.checked if status.startswith("2")}
    assert {"healthz", "forget", "importAccounts"} <= seen
