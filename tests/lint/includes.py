"""Who may include whom, and in which order includes stand."""

import pathlib
import re

from tree import Finding

TITLE = "includes: direction, from the root, own header first"
ORDER = ("core", "dns", "http", "store", "solver")
ABOVE = {"dnsd": ORDER, "webhook": ORDER, "providers": ORDER}
ALLOWED = {
    **{folder: ORDER[:i] for i, folder in enumerate(ORDER)},
    **ABOVE,
    # And the tables of provider types, which need no server to be shown.
    "ctl": ("core", "dns", "http", "providers/builtin.h"),
    "daemon": ORDER + tuple(ABOVE),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')

SAMPLES = {
    "core/upward.c": ('#include "core/upward.h"\n#include "store/store.h"\n', 2),
    "core/upward.h": ("int upward;\n", None),
    "store/store.h": ("#include <stdio.h>\n", None),
    "dnsd/sideways.c": ('#include "webhook/door.h"\n', 1),
    "webhook/door.h": ("int door;\n", None),
    "dns/near.c": ('#include "near.h"\n', 1),
    "dns/near.h": ("int near;\n", None),
    "dns/late.c": ('#include <stdio.h>\n\n#include "dns/late.h"\n', 3),
    "dns/late.h": ("int late;\n", None),
    "ctl/client.c": ('#include "store/store.h"\n', 1),
    "ctl/providers.c": ('#include "providers/builtin.h"\n#include "providers/run.h"\n', 2),
    "providers/builtin.h": ("int builtin;\n", None),
    "providers/run.h": ("int run;\n", None),
    "daemon/main.c": ('#include "webhook/door.h"\n#include "store/store.h"\n', None),
}


def check(tree):
    for path in tree.sources():
        yield from check_file(tree, path)


def check_file(tree, path):
    folder = path.split("/")[0]
    own = str(pathlib.PurePosixPath(path).with_suffix(".h"))
    seen = 0
    for number, line in tree.lines(path):
        found = INCLUDE.match(line)
        if not found:
            continue
        seen += 1
        kind, name = found.groups()
        if path.endswith(".c") and name == own and seen > 1:
            yield Finding(path, number, "a file's own header is its first include")
        if kind == "<":
            continue
        target = name.split("/")[0]
        if not (tree.root / name).is_file() or "/" not in name:
            yield Finding(path, number, f'"{name}" is not a path from the repository root')
        elif (folder in ALLOWED and target != folder
              and not {target, name} & set(ALLOWED[folder])):
            yield Finding(path, number, f"{folder}/ may not include {target}/")
