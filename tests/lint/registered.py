"""Each source, unit test and fuzz target is named in the meson.build beside it."""

import pathlib
import re

from tree import Finding

TITLE = "registered: sources, unit tests and fuzz targets are built"

# The programs' own files are named at the top.
PROGRAMS = ("daemon/main.c", "ctl/main.c")

SAMPLES = {
    "dns/meson.build": ("static_library('dns', 'name.c')\n", None),
    "dns/name.c": ("int a;\n", None),
    "dns/lost.c": ("int a;\n", 1),
    "webhook/meson.build": ("static_library('webhook', 'api/api.c')\n", None),
    "webhook/api/api.c": ("int a;\n", None),
    "webhook/api/lost.c": ("int a;\n", 1),
    "tests/unit/meson.build": ("foreach folder : ['core']\nendforeach\n", None),
    "tests/unit/core/meson.build": ("tests = ['buf']\n", None),
    "tests/unit/core/test_buf.c": ("int a;\n", None),
    "tests/unit/core/test_lost.c": ("int a;\n", 1),
    "tests/unit/away/meson.build": ("test('test_away')\n", None),
    "tests/unit/away/test_away.c": ("int a;\n", 1),
    "tests/fuzz/meson.build": ("fuzz_targets += {'known': [core_dep]}\n", None),
    "tests/fuzz/fuzz_known.c": ("int a;\n", None),
    "tests/fuzz/known.corpus/one": ("a\n", None),
    "tests/fuzz/fuzz_lost.c": ("int a;\n", 1),
    "tests/integration/odd.py": ("def test_a():\n    assert f()\n", 1),
    "tests/integration/test_good.py": ("def test_a():\n    assert f()\n", None),
}


def check(tree):
    for path in tree.paths:
        name = pathlib.PurePosixPath(path)
        if path.startswith("tests/unit/") and re.fullmatch(r"test_.*\.c", name.name):
            yield from check_unit(tree, name)
        elif path.startswith("tests/fuzz/") and re.fullmatch(r"fuzz_.*\.c", name.name):
            yield from check_fuzz(tree, name)
        elif path.endswith(".c") and not path.startswith("tests/") and path not in PROGRAMS:
            yield from check_source(tree, name)
        elif re.match(r"tests/(integration|fault|e2e)/.*\.py$", path):
            yield from check_python(tree, path, name)


def check_source(tree, name):
    """Named in the meson.build of its folder, or by its path in that of a folder above."""
    for folder in list(name.parents)[:-1]:
        build = str(folder / "meson.build")
        if build in tree.paths and f"'{name.relative_to(folder)}'" in tree.text(build):
            return
    yield Finding(str(name), 1, f"not named in {name.parent}/meson.build")


def check_unit(tree, name):
    build = str(name.parent / "meson.build")
    folders = tree.text("tests/unit/meson.build") if "tests/unit/meson.build" in tree.paths else ""
    if build not in tree.paths or not names(tree.text(build), name.stem.removeprefix("test_")):
        yield Finding(str(name), 1, f"not named in {build}")
    elif name.parent != pathlib.PurePosixPath("tests/unit") and not names(folders, name.parent.name):
        yield Finding(str(name), 1, f"tests/unit/meson.build does not build {name.parent.name}/")


def names(text, word):
    """Some quoted string of a build file is word, test_word or test_word.c."""
    return re.search(rf"'(?:[\w/]*/)?(?:test_|fuzz_)?{re.escape(word)}(?:\.c)?'", text) is not None


def check_fuzz(tree, name):
    build = "tests/fuzz/meson.build"
    target = name.stem.removeprefix("fuzz_")
    if build not in tree.paths or not names(tree.text(build), target):
        yield Finding(str(name), 1, f"not named in {build}")
    if not any(path.startswith(f"tests/fuzz/{target}.corpus/") for path in tree.paths):
        yield Finding(str(name), 1, f"has no corpus in tests/fuzz/{target}.corpus/")


def check_python(tree, path, name):
    if not name.name.startswith(("test_", "conftest")) and re.search(
            r"^def test_", tree.text(path), re.MULTILINE):
        yield Finding(path, 1, "pytest takes tests from test_*.py only")
