#!/usr/bin/python3
"""Writes all descriptors of a folder as one C table, checked against the JSON Schema.

    descriptors.py --format FILE...       lays JSON files out as those of the folder are
    descriptors.py --schema FILE --output FILE [--depfile FILE] FOLDER
"""

import argparse
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

COLUMNS = 100


def refuse_repeated(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"repeated key {key!r}")
    return dict(pairs)


def read(path):
    try:
        return json.loads(path.read_text(), object_pairs_hook=refuse_repeated)
    except ValueError as error:
        sys.exit(f"{path}: {error}")


def laid_out(value, indent=0, before=0):
    """JSON with each value on one line where that has room."""
    short = json.dumps(value, ensure_ascii=False)
    if before + len(short) <= COLUMNS or not isinstance(value, (dict, list)) or not value:
        return short
    inner = " " * (indent + 2)
    if isinstance(value, list):
        lines = [inner + laid_out(element, indent + 2, indent + 3) for element in value]
        return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"
    lines = []
    for key, element in value.items():
        name = json.dumps(key, ensure_ascii=False) + ": "
        lines.append(inner + name + laid_out(element, indent + 2, indent + 3 + len(name)))
    return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"


def check(path, descriptor, validator):
    if descriptor.get("type") != path.stem:
        sys.exit(f"{path}: \"type\" is not the file's name")
    if validator is None:
        return
    # One that extends another is checked as a whole when it is read.
    error = jsonschema.exceptions.best_match(validator.iter_errors(descriptor))
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path)
        sys.exit(f"{path}: {place}: {error.message[:300]}")


def quoted(text):
    """A C string in lines that compilers take."""
    octets = text.encode()
    lines = []
    for start in range(0, len(octets), 64):
        part = "".join(
            {"\\": "\\\\", '"': '\\"', "?": "\\?"}.get(chr(octet), chr(octet))
            if 32 <= octet < 127 else f"\\{octet:03o}"
            for octet in octets[start:start + 64])
        lines.append(f'    "{part}"')
    return "\n".join(lines)


def table(descriptors):
    yield "/* Made by providers/descriptors.py. */"
    yield '#include "providers/builtin.h"'
    yield ""
    yield '#pragma GCC diagnostic ignored "-Woverlength-strings"'
    rows = []
    for index, descriptor in enumerate(descriptors):
        text = json.dumps(descriptor, separators=(",", ":"), ensure_ascii=True)
        yield f"\nstatic const char text_{index}[] =\n{quoted(text)};"
        rows.append(f"    {{{json.dumps(descriptor['type'])}, "
                    f"{json.dumps(descriptor.get('title', ''))}, text_{index}, "
                    f"sizeof(text_{index}) - 1}},")
    yield "\nconst struct d1_builtin_text d1_builtin_texts[] = {"
    yield from rows
    yield "};"
    yield f"const size_t d1_builtin_text_count = {len(rows)};"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schema", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--depfile", type=pathlib.Path)
    parser.add_argument("--format", action="store_true")
    parser.add_argument("paths", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.format:
        for path in arguments.paths:
            path.write_text(laid_out(read(path)) + "\n")
        return
    paths = sorted(arguments.paths[0].glob("*.json"))
    validator = None
    if jsonschema is not None:
        schema = json.loads(arguments.schema.read_text())
        validator = jsonschema.Draft7Validator(schema)
    descriptors = []
    for path in paths:
        descriptor = read(path)
        check(path, descriptor, validator)
        descriptors.append(descriptor)
    if arguments.depfile is not None:
        names = " ".join(str(path).replace(" ", "\\ ") for path in [arguments.paths[0], *paths])
        arguments.depfile.write_text(f"{arguments.output}: {names}\n")
    arguments.output.write_text("\n".join(table(descriptors)) + "\n")


main()
