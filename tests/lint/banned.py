"""Calls and constructs that are not used, or only in the one file that wraps them."""

import re

from tree import Finding

TITLE = "banned: calls, typedefs of structs, backward goto"
EVERYWHERE = (
    "strcpy", "stpcpy", "strcat", "sprintf", "vsprintf", "strtok", "strtok_r", "atoi", "atol",
    "atoll", "gets", "alloca", "rand", "srand", "random", "system", "popen", "tmpnam", "mktemp",
    "setjmp", "longjmp", "bcopy", "bzero",
)
ALLOCATION = ("malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup",
              "aligned_alloc", "posix_memalign", "asprintf", "vasprintf")
CLOCKS = ("time", "clock_gettime", "gettimeofday", "clock")
# (calls, where they may stand, what to use instead). A test's fakes allocate for themselves, so that
# fault points and leak counts see the code under test only.
WRAPPED = (
    (ALLOCATION, ("core/mem.c", "tests/"), "use core/mem.h"),
    (CLOCKS, ("core/clock.c",), "use core/clock.h"),
)

SAMPLES = {
    "dns/copy.c": ("void f(char *a) {\n    strcpy(a, a);\n}\n", 2),
    "dns/memory.c": ("void f(void *a) {\n    free(a);\n}\n", 2),
    "dns/clock.c": ("long f(void) {\n    return time(0);\n}\n", 2),
    "core/mem.c": ("void f(void *a) {\n    free(a);\n}\n", None),
    "tests/lib/fake.c": ("void f(void *a) {\n    free(a);\n}\n", None),
    "tests/lib/fake_copy.c": ("void f(char *a) {\n    strcpy(a, a);\n}\n", 2),
    "dns/words.c": ("/* free(a) */\nvoid f(struct s *a) {\n    a->free(a);\n    d1_free(a);\n}\n",
                    None),
    "dns/type.c": ("typedef struct a {\n    int b;\n} a_t;\n", 1),
    "dns/back.c": ("void f(void) {\nagain:\n    goto again;\n}\n", 3),
    "dns/forward.c": ("void f(void) {\n    goto out;\nout:\n    return;\n}\n", None),
}


def check(tree):
    for path in tree.sources():
        for number, line in tree.code_lines(path):
            yield from check_line(path, number, line)
        yield from check_goto(tree, path)


def is_call(name, line):
    """A call of name itself: not a member, not the end of a longer name."""
    return re.search(rf"(?<![\w.>]){name}\s*\(", line) is not None


def check_line(path, number, line):
    for name in EVERYWHERE:
        if is_call(name, line):
            yield Finding(path, number, f"{name}() is banned", name)
    for names, places, instead in WRAPPED:
        for name in names:
            if not path.startswith(places) and is_call(name, line):
                yield Finding(path, number, f"{name}() is banned here: {instead}", name)
    if re.match(r"\s*typedef\s+(struct|union)\b", line):
        yield Finding(path, number, "typedef of a struct", "typedef")


def check_goto(tree, path):
    """A goto jumps forward: its label is defined further down."""
    labels = {}
    gotos = []
    for number, line in tree.code_lines(path):
        label = re.match(r"^\s{0,4}([a-z]\w*):\s*$", line)
        if label and label.group(1) != "default":
            labels.setdefault(label.group(1), []).append(number)
        if re.match(r"^}", line):
            yield from backward(path, labels, gotos)
            labels, gotos = {}, []
        jump = re.search(r"\bgoto\s+(\w+)\s*;", line)
        if jump:
            gotos.append((number, jump.group(1)))


def backward(path, labels, gotos):
    for number, label in gotos:
        if any(line < number for line in labels.get(label, [])):
            yield Finding(path, number, f"goto {label} jumps backward")
