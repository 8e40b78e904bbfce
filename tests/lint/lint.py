"""Runs the checks of this folder: `lint.py [--build FOLDER] [CHECK...]`.

Prints each fault as FILE:LINE: what, and TAP lines: for each check one, and one for the proof that
it finds the faults of its own bad samples and none in its good ones.
"""

import argparse
import importlib
import pathlib
import re
import sys
import tempfile

sys.dont_write_bytecode = True

import exceptions  # noqa: E402
from tree import Finding, Tree  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECKS = ("includes", "layout", "banned", "state", "sizes", "registered", "places", "manual", "chart",
          "providers")


class Tap:
    """Writes numbered TAP lines and remembers whether any of them failed."""

    def __init__(self):
        self.number = 0
        self.failed = False

    def line(self, good, title, directive=""):
        self.number += 1
        self.failed = self.failed or not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {title}{directive}", flush=True)


def excepted(name, findings, used):
    """Leaves out what exceptions.py lets pass, and notes which entries were needed."""
    for finding in findings:
        key = (name, re.sub(r"\.[ch]$", "", finding.path), finding.subject)
        if finding.subject and key in exceptions.EXCEPTIONS:
            used.add(key)
        else:
            yield finding


def run_check(name, check, tree, used, tap):
    reason = check.unavailable(tree) if hasattr(check, "unavailable") else None
    if reason:
        tap.line(True, check.TITLE, f" # SKIP {reason}")
        return
    findings = sorted(set(excepted(name, check.check(tree), used)))
    for finding in findings:
        print(finding)
    tap.line(not findings, check.TITLE)


def run_samples(name, check, tap):
    """The check's own test: exactly the lines that SAMPLES marks are found."""
    with tempfile.TemporaryDirectory(prefix="dns01d-lint-") as folder:
        root = pathlib.Path(folder)
        expected = set()
        for path, (text, line) in check.SAMPLES.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
            if line is not None:
                expected.add((path, line))
        build = root / "build" if (root / "build").is_dir() else None
        found = {(finding.path, finding.line) for finding in check.check(Tree(root, build))}
    for path, line in sorted(expected - found):
        print(f"tests/lint/{name}.py:1: does not find the fault of its sample {path}:{line}")
    for path, line in sorted(found - expected):
        print(f"tests/lint/{name}.py:1: finds a fault in its good sample {path}:{line}")
    tap.line(expected == found, f"{name} finds its bad samples")


def run_exceptions(used, tap):
    unused = sorted(set(exceptions.EXCEPTIONS) - used)
    for key in unused:
        print(Finding("tests/lint/exceptions.py", 1, f"{key} is not needed any more"))
    count = len(exceptions.EXCEPTIONS)
    few = count <= exceptions.EXCEPTIONS_MAX
    if not few:
        print(Finding("tests/lint/exceptions.py", 1, f"{count} exceptions; the list may only "
                      f"shrink, and {exceptions.EXCEPTIONS_MAX} is its limit"))
    tap.line(not unused and few, "exceptions: all needed, none added")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    options = parser.parse_args()
    unknown = sorted(set(options.checks) - set(CHECKS))
    if unknown:
        parser.error(f"unknown check {unknown[0]}; there are: {', '.join(CHECKS)}")
    chosen = options.checks or CHECKS
    print(f"1..{2 * len(chosen) + (not options.checks)}")
    tap = Tap()
    tree = Tree(ROOT, options.build)
    used = set()
    for name in chosen:
        check = importlib.import_module(name)
        run_samples(name, check, tap)
        run_check(name, check, tree, used, tap)
    if not options.checks:
        run_exceptions(used, tap)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
