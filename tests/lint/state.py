"""No file-level or static mutable state: everything a program keeps hangs on an object."""

import re

from tree import Finding

TITLE = "state: no mutable variables outside objects"
# A static declaration without const, not a function: `static int count;`, `static struct s all[9];`.
STATIC = re.compile(r"^\s*static\s+(?!_Static_assert)(?!.*\bconst\b)[^()=;{]*?(\w+)(?:\[[^\]]*\])*"
                    r"\s*(?:=|;)")
# A definition at the left margin that is neither static nor const nor a type.
GLOBAL = re.compile(r"^(?!typedef|extern|static|struct\s+\w+\s*;|union\s+\w+\s*;|enum\s|return|goto|"
                    r"#)(?!.*\bconst\b)[A-Za-z_][\w\s*]*?[\s*](\w+)(?:\[[^\]]*\])*\s*(?:=[^=]|;)")

SAMPLES = {
    "dns/count.c": ("static int count;\n", 1),
    "dns/table.c": ("static struct entry table[16] = {{0}};\n", 1),
    "dns/local.c": ("int f(void) {\n    static int calls = 0;\n    return calls++;\n}\n", 2),
    "dns/global.c": ("unsigned long counter;\n", 1),
    "dns/thread.c": ("static _Thread_local int depth;\n", 1),
    "dns/good.c": ("struct later;\nstatic const int primes[] = {2, 3};\nstatic int f(int a);\n"
                   "static int f(int a) {\n    int b = a;\n    return b;\n}\n"
                   "struct point {\n    int x;\n};\nextern int elsewhere;\n"
                   "static_assert(sizeof(int) == 4, \"four\");\n", None),
}


def check(tree):
    for path in tree.sources():
        if path.startswith("tests/"):
            continue
        for number, line in tree.code_lines(path):
            found = STATIC.match(line) or GLOBAL.match(line)
            if found:
                yield Finding(path, number, f"{found.group(1)} is mutable state of the whole process",
                              found.group(1))
