"""How long functions and files may be, how deep they nest, how many parameters they take."""

import json
import re
import subprocess

from tree import Finding

TITLE = "sizes: functions, files, headers, parameters, nesting"
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
HEADER_LINES_MAX = 250
PARAMETERS_MAX = 6
NESTING_MAX = 3

SAMPLES = {
    "core/long.c": ("int f(int a) {\n" + "    a++;\n" * 70 + "    return a;\n}\n", 1),
    "core/short.c": ("int f(int a) {\n" + "    a++;\n" * 60 + "    return a;\n}\n", None),
    "core/file.c": ("int a;\n" * 801, 801),
    "core/header.h": ("int a;\n" * 251, 251),
    "core/many.c": ("int f(int a, int b, int c, int d, int e, int g, int (*h)(int, int)) {\n"
                    "    return a;\n}\n", 1),
    "core/six.c": ("int f(int a, int b, int c, int d, int e, int (*h)(int, int)) {\n"
                   "    return a;\n}\n", None),
    "core/deep.c": ("int f(int a) {\n    if (a) {\n        for (;;) {\n            if (a) {\n"
                    "                if (a) {\n                    a++;\n                }\n"
                    "            }\n        }\n    }\n    return a;\n}\n", 5),
    "core/flat.c": ("int f(int a) {\n    if (a) {\n        struct s b = {{{a}}};\n        do {\n"
                    "            a++;\n        } while (a);\n    }\n    return a;\n}\n", None),
}


def check(tree):
    for path in tree.named(".c", ".h", ".py", "dev"):
        count = len(tree.text(path).splitlines())
        limit = HEADER_LINES_MAX if path.endswith(".h") else FILE_LINES_MAX
        if count > limit:
            yield Finding(path, count, f"{count} lines; at most {limit}", "lines")
    for tag in function_tags(tree):
        yield from check_function(tag)
        if tag["kind"] == "function" and "end" in tag:
            yield from check_nesting(tree, tag)


def function_tags(tree):
    sources = tree.sources()
    if not sources:
        return []
    done = subprocess.run(
        ["ctags-universal", "--output-format=json", "--languages=C", "--langmap=C:.c.h",
         "--kinds-C=fp", "--fields=+neS", "-f", "-", *sources],
        cwd=tree.root, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_function(tag):
    name, path, line = tag["name"], tag["path"], tag["line"]
    lines = tag.get("end", line) - line + 1
    if tag["kind"] == "function" and lines > FUNCTION_LINES_MAX:
        yield Finding(path, line, f"{name} has {lines} lines; at most {FUNCTION_LINES_MAX}", name)
    parameters = count_parameters(tag.get("signature", "()"))
    if parameters > PARAMETERS_MAX:
        yield Finding(path, line, f"{name} has {parameters} parameters; at most {PARAMETERS_MAX}",
                      name)


def count_parameters(signature):
    depth = 0
    commas = 0
    for c in signature:
        depth += {"(": 1, ")": -1}.get(c, 0)
        commas += c == "," and depth == 1
    return commas + 1


def check_nesting(tree, tag):
    """Blocks of if, else, for, while, do and switch within one another; reported once."""
    lines = tree.code(tag["path"]).split("\n")
    body = "\n".join(lines[tag["line"] - 1:tag["end"]])
    blocks = []
    for found in re.finditer(r"[{}]", body):
        if found.group() == "}":
            if blocks:
                blocks.pop()
            continue
        before = body[:found.start()].rstrip()
        blocks.append(before.endswith(")") or re.search(r"\b(else|do)$", before) is not None)
        depth = sum(blocks) - 1
        if depth > NESTING_MAX:
            line = tag["line"] + body.count("\n", 0, found.start())
            yield Finding(tag["path"], line, f"{tag['name']} nests {depth} deep; at most "
                          f"{NESTING_MAX}", tag["name"])
            return
