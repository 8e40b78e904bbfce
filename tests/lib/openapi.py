"""webhook/openapi.json against what the server really answers."""

import copy
import json
import pathlib
import re
import urllib.parse

import jsonschema

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent.parent / "webhook/openapi.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def closed(schema):
    """The schema with every object that lists its members allowed those only.

    The document leaves objects open, so that clients bear members of later versions; a test must
    see one that the document forgot.
    """
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


class Unlike(AssertionError):
    """An answer that the document does not allow."""


class Contract:
    """The document, ready to check answers. `checked` counts them by operation and status."""

    def __init__(self):
        self.document = json.loads(DOCUMENT.read_text("utf-8"))
        self.schemas = closed(copy.deepcopy(self.document["components"]))
        self.resolver = jsonschema.RefResolver("", {"components": self.schemas})
        self.checked = {}
        self.paths = [(re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)) + r"\Z"), item)
                      for path, item in self.document["paths"].items()]

    def operations(self):
        """(path, method, operation) of all."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method, item[method]

    def resolve(self, part):
        """What a {"$ref": ...} stands for; anything else is itself."""
        while "$ref" in part:
            node = self.document
            for key in part["$ref"].removeprefix("#/").split("/"):
                node = node[key]
            part = node
        return part

    def find(self, method, target):
        """The operation that a request line means, or None."""
        path = urllib.parse.urlsplit(target).path
        for pattern, item in self.paths:
            if pattern.match(path) and method.lower() in item:
                return item[method.lower()]
        return None

    def check(self, method, target, reply):
        """Raises Unlike where the document describes the path, but not this answer."""
        operation = self.find(method, target)
        if operation is None:
            return
        responses = operation["responses"]
        status = str(reply.status)
        if status[0] == "2" and status not in responses:
            raise Unlike(f"{method} {target}: {status} is not in openapi.json")
        described = self.resolve(responses.get(status, responses["default"]))
        key = (operation["operationId"], status)
        self.checked[key] = self.checked.get(key, 0) + 1
        where = f"{method} {target} {status}"
        for name, header in described.get("headers", {}).items():
            value = reply.headers.get(name)
            if value is None:
                raise Unlike(f"{where}: no {name}")
            schema = self.resolve(header)["schema"]
            self.check_value(f"{where}: {name}", schema,
                             int(value) if schema["type"] == "integer" else value)
        self.check_body(where, described.get("content", {}), reply)

    def check_body(self, where, content, reply):
        media = (reply.headers.get("Content-Type") or "").partition(";")[0]
        if not content:
            if reply.body:
                raise Unlike(f"{where}: a body, and the document has none")
        elif media not in content:
            raise Unlike(f"{where}: Content-Type {media!r} is not one of {sorted(content)}")
        elif media == "application/json":
            self.check_value(where, content[media]["schema"], reply.json())

    def check_value(self, where, schema, value):
        validator = jsonschema.Draft202012Validator(
            closed(schema), resolver=self.resolver,
            format_checker=jsonschema.draft202012_format_checker)
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            place = ".".join(str(part) for part in error.absolute_path)
            raise Unlike(f"{where}: {place}: {error.message[:400]}")
