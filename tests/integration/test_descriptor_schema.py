"""The JSON Schema of descriptors and the program's own reader know the same keys."""

import json
import pathlib
import re

import pytest

PROVIDERS = pathlib.Path(__file__).resolve().parents[2] / "providers"
SCHEMA = json.loads((PROVIDERS / "descriptor.schema.json").read_text())
# Keys that the reader takes without a table: of signatures, of `after`, of lists in `xml`.
BY_HAND = {"$each", "text", "alg", "key", "enc", "prefix", "method", "query", "form", "json"}


def keys_of_schema(value):
    if isinstance(value, list):
        for element in value:
            yield from keys_of_schema(element)
    elif isinstance(value, dict):
        properties = value.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for element in value.values():
            yield from keys_of_schema(element)


def keys_of_reader():
    for name in ("descriptor.c", "descriptor_read.c"):
        text = (PROVIDERS / name).read_text()
        yield from re.findall(r'\{"(\w+)", D1_FIELD_', text)


def test_same_keys():
    assert set(keys_of_schema(SCHEMA)) - BY_HAND == set(keys_of_reader()) - BY_HAND


def test_descriptors_fit_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft7Validator(SCHEMA)
    paths = sorted((PROVIDERS / "descriptors").glob("*.json"))
    assert paths
    for path in paths:
        faults = [f"{path.name}: {fault.message}"
                  for fault in validator.iter_errors(json.loads(path.read_text()))]
        assert not faults


@pytest.mark.parametrize("change", [
    {"colour": 1}, {"mode": "dance"}, {"schema": 2}, {"type": "A B"}, {"error": "message"},
    {"ok": {"status": 99}}, {"create": {"method": "BREW", "path": "/"}},
    {"limits": {"ttl_min": -1}}, {"config": {"A": {}}}, {"auth": []},
])
def test_schema_refuses(change):
    jsonschema = pytest.importorskip("jsonschema")
    descriptor = json.loads((PROVIDERS / "descriptors" / "cloudflare.json").read_text())
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert validator.is_valid(descriptor)
    assert not validator.is_valid({**descriptor, **change})
