#!/usr/bin/python3
"""Writes openapi.json as a C table of octets, minified: `openapi.py INPUT OUTPUT`.

Its `servers` is left out: what stands there is known when the document is asked for.
"""

import json
import pathlib
import sys

LINE = 24


def main():
    source, output = map(pathlib.Path, sys.argv[1:])
    document = json.loads(source.read_text("utf-8"))
    del document["servers"]
    octets = json.dumps(document, separators=(",", ":")).encode("ascii")
    lines = [
        "/* Made by webhook/openapi.py. */",
        '#include "webhook/openapi.h"',
        "",
        "const unsigned char d1_openapi_text[] = {",
    ]
    for start in range(0, len(octets), LINE):
        lines.append("    " + " ".join(f"{octet}," for octet in octets[start:start + LINE]))
    lines += ["};", "const size_t d1_openapi_length = sizeof(d1_openapi_text);", ""]
    output.write_text("\n".join(lines), "ascii")


main()
