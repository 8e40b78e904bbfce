"""Format: clang-format 14, braces (which version 14 cannot insert), white space at line ends."""

import re
import subprocess

from tree import Finding

TITLE = "layout: clang-format, braces, white space"
WARNING = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): (.*)$")
CONTROL = re.compile(r"\b(if|for|while|switch)\s*\(")
# Recorded requests (.http) keep the bytes of the wire.
BINARY = (".bin", ".png", ".der", ".db", ".http")

SAMPLES = {
    ".clang-format": ("BasedOnStyle: LLVM\nIndentWidth: 4\nAllowShortIfStatementsOnASingleLine: "
                      "Never\n", None),
    "core/format.c": ("int  f(void);\n", 1),
    "core/brace.c": ("int f(int a) {\n    if (a)\n        return 1;\n    return 0;\n}\n", 2),
    "core/else.c": ("int f(int a) {\n    if (a) {\n        return 1;\n    } else\n"
                    "        return 0;\n}\n", 4),
    "core/good.c": ("void f(int a) {\n    do {\n        a--;\n    } while (a);\n}\n", None),
    "docs/space.txt": ("one \n", 1),
    "docs/last.txt": ("no line end", 1),
}


def check(tree):
    yield from check_format(tree)
    for path in tree.sources():
        yield from check_braces(path, tree.code(path))
    for path in tree.paths:
        if not path.endswith(BINARY) and ".corpus/" not in path and path != "LICENSE":
            yield from check_space(tree, path)


def check_format(tree):
    sources = tree.sources()
    if not sources:
        return
    done = subprocess.run(["clang-format-14", "--dry-run", "-Werror", "--style=file", *sources],
                          cwd=tree.root, capture_output=True, text=True)
    for line in done.stderr.splitlines():
        found = WARNING.match(line)
        if found:
            yield Finding(found.group(1), int(found.group(2)), "not as clang-format-14 lays it out")
    if done.returncode != 0 and not WARNING.search(done.stderr.split("\n")[0]):
        yield Finding(".clang-format", 1, f"clang-format-14 failed: {done.stderr[:200]}")


def check_braces(path, code):
    """Each if, for, while, switch and else opens a brace; a while after do's brace does not."""
    for found in CONTROL.finditer(code):
        end = matching_parenthesis(code, found.end() - 1)
        after = code[end:].lstrip(" \\\t\n")
        before = code[:found.start()].rstrip(" \\\t\n")
        is_do_while = found.group(1) == "while" and after.startswith(";") and before.endswith("}")
        if code[:found.start()].split("\n")[-1].lstrip().startswith("#"):
            continue
        if not after.startswith("{") and not is_do_while:
            yield Finding(path, line_of(code, found.start()), f"{found.group(1)} without braces")
    for found in re.finditer(r"(?<![#\w])else\b(?!\s*if\b)", code):
        if not code[found.end():].lstrip(" \\\t\n").startswith("{"):
            if not code[:found.start()].split("\n")[-1].lstrip().startswith("#"):
                yield Finding(path, line_of(code, found.start()), "else without braces")


def matching_parenthesis(code, start):
    depth = 0
    for i in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return i + 1
    return len(code)


def line_of(text, index):
    return text.count("\n", 0, index) + 1


def check_space(tree, path):
    text = tree.text(path)
    for number, line in tree.lines(path):
        if line != line.rstrip():
            yield Finding(path, number, "white space at the end of the line")
        if path.endswith((".c", ".h", ".py")) and "\t" in line:
            yield Finding(path, number, "tab")
    if text and not text.endswith("\n"):
        yield Finding(path, text.count("\n") + 1, "no line end at the end of the file")
