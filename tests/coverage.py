"""./dev coverage: line and branch coverage of dns/ and dnsd/, by file, and what is not covered.

Runs the unit tests, the fuzz corpora and the DNS integration tests in a build with
-Db_coverage=true, and reads gcovr's JSON. Left out are asserts (they state what cannot be
otherwise) and branches that the compiler says are never reached.

The exit status is 1 when a test fails, when the packet path (what runs between a packet and its
answer) is covered less than LINES_MIN and BRANCHES_MIN, or when docs/coverage.md does not name each
of its branches that no test takes, with the reason. There a branch is known by its file, its
function and the text of its line, so that edits elsewhere do not matter.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/coverage.md"
NO_REASON = "(no reason given yet)"
LIST_BEGINS = "<!-- Written by ./dev coverage --write, but for the reasons. -->\n"
# Never to be lowered.
LINES_MIN = 97.5
BRANCHES_MIN = 95.0
FOLDERS = ("dns", "dnsd")
# What runs only when zones are loaded or published, sockets opened, or other servers asked.
OFF_THE_PATH = {
    "dns/ask.c", "dns/authority.c", "dns/follow.c", "dns/resolve.c", "dns/zonefile.c",
    "dns/zoneldns.c", "dns/zoneplain.c", "dnsd/arena.c", "dnsd/listen.c", "dnsd/publish.c",
    "dnsd/served.c", "dnsd/server.c", "dnsd/statics.c", "dnsd/zone.c",
}
INTEGRATION = ["tests/integration/test_dns.py", "tests/integration/test_dns_sockets.py",
               "tests/integration/test_counting.py", "tests/integration/test_config.py",
               "tests/integration/test_life.py", "tests/integration/test_tcp_scale.py",
               "tests/integration/test_update.py", "tests/integration/test_dns_options.py",
               "tests/integration/test_rate_limit.py", "tests/integration/test_proxy_protocol.py",
               "tests/conformance"]
ASSERT = r"^\s*(static_)?assert\("


@dataclasses.dataclass
class File:
    """
    Counts of one file; `missed` are (line, what) of what no test reached, `not_taken` is how many
    branches no test took of (function, line's text).
    """

    name: str
    lines: int = 0
    lines_hit: int = 0
    branches: int = 0
    branches_hit: int = 0
    missed: list = dataclasses.field(default_factory=list)
    not_taken: dict = dataclasses.field(default_factory=dict)


def share(hit, count):
    return 100.0 * hit / count if count else 100.0


def run_tests(build):
    """Returns whether all passed."""
    environment = dict(os.environ, DNS01D_BUILD=str(build), PYTHONDONTWRITEBYTECODE="1",
                       DNS01D_SANITIZER="coverage")
    commands = [
        ["meson", "test", "-C", str(build), "--no-rebuild", "--suite", "unit", "--suite", "fuzz",
         "--timeout-multiplier", "4", "--print-errorlogs", "--quiet"],
        [sys.executable, "-m", "pytest", "-q", "-c", "tests/pytest.ini", *INTEGRATION],
    ]
    return all([subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
                for command in commands])


def clear(build):
    for path in build.rglob("*.gcda"):
        path.unlink()


def measure(build):
    """gcovr's findings for our folders."""
    command = ["gcovr", "--root", str(ROOT), "--object-directory", str(build), "--json", "-",
               "--exclude-unreachable-branches", "--exclude-throw-branches",
               "--exclude-lines-by-pattern", ASSERT, "--exclude-branches-by-pattern", ASSERT]
    for folder in FOLDERS:
        command += ["--filter", f"{ROOT}/{folder}/"]
    done = subprocess.run([*command, str(build)], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["files"]


def function_at(source, number):
    """The name of the function that line `number` stands in: definitions begin in column 0."""
    for text in reversed(source[:number]):
        found = re.match(r"[a-z][^;=]*?(\w+)\(", text)
        if found:
            return found[1]
    return "?"


def read_file(found):
    """Adds up one file of gcovr's."""
    file = File(found["file"])
    source = (ROOT / file.name).read_text().splitlines()
    for line in found["lines"]:
        if line.get("gcovr/noncode") or line.get("gcovr/excluded"):
            continue
        number = line["line_number"]
        text = source[number - 1].strip()
        file.lines += 1
        file.lines_hit += line["count"] > 0
        hit = sum(branch["count"] > 0 for branch in line["branches"])
        if hit < len(line["branches"]):
            key = (function_at(source, number), text)
            file.not_taken[key] = file.not_taken.get(key, 0) + len(line["branches"]) - hit
        file.branches += len(line["branches"])
        file.branches_hit += hit
        if line["count"] == 0:
            file.missed.append((number, f"never run: {text}"))
        elif hit < len(line["branches"]):
            file.missed.append((number, f"{len(line['branches']) - hit} of "
                                        f"{len(line['branches'])} branches not taken: {text}"))
    return file


def add_up(name, files):
    total = File(name)
    for file in files:
        total.lines += file.lines
        total.lines_hit += file.lines_hit
        total.branches += file.branches
        total.branches_hit += file.branches_hit
    return total


def print_table(files):
    print(f"{'':24} {'lines':>14} {'':>6} {'branches':>14}")
    for file in files:
        print(f"{file.name:24} {file.lines_hit:>6} of {file.lines:>4}"
              f" {share(file.lines_hit, file.lines):6.1f}%"
              f" {file.branches_hit:>6} of {file.branches:>4}"
              f" {share(file.branches_hit, file.branches):6.1f}%")


def read_page():
    """The page's text before the list, and the list: {(file, function, text): (count, reason)}."""
    before, begins, rest = PAGE.read_text().partition(LIST_BEGINS)
    if not begins:
        sys.exit(f"{PAGE.relative_to(ROOT)} has no line {LIST_BEGINS.strip()}")
    named = {}
    file = None
    for line in rest.splitlines():
        heading = re.fullmatch(r"### `(.+)`", line)
        entry = re.fullmatch(r"- `(\w+)`, (\d+) of `(.+)`: (.+)", line)
        if heading:
            file = heading[1]
        elif entry:
            named[file, entry[1], entry[3]] = (int(entry[2]), entry[4])
        elif line:
            sys.exit(f"{PAGE.relative_to(ROOT)}: not an entry: {line}")
    return before, named


def not_taken(files):
    return {(file.name, *key): count for file in files for key, count in file.not_taken.items()}


def write_page(files):
    """Put the list anew, with the reasons there are. Entries that no file has now are dropped."""
    before, named = read_page()
    text = before + LIST_BEGINS
    last = None
    for (name, function, line), count in not_taken(files).items():
        if name != last:
            text += f"\n### `{name}`\n\n"
            last = name
        _, reason = named.get((name, function, line), (0, NO_REASON))
        text += f"- `{function}`, {count} of `{line}`: {reason}\n"
    PAGE.write_text(text)


def page_is_true(files):
    """Whether the page names all that is not taken, with a reason. Says what it lacks."""
    _, named = read_page()
    true = True
    missed = not_taken(files)
    for (name, function, line), count in missed.items():
        listed, reason = named.get((name, function, line), (0, NO_REASON))
        if listed < count or reason == NO_REASON:
            print(f"{PAGE.name} explains {listed if reason != NO_REASON else 0} of {count} branches"
                  f" not taken in {name}, {function}: {line}")
            true = False
    for name, function, line in named.keys() - missed.keys():
        print(f"(taken this time, though {PAGE.name} names it: {name}, {function}: {line})")
    return true


def main():
    parser = argparse.ArgumentParser(prog="./dev coverage", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build-coverage", help=argparse.SUPPRESS)
    parser.add_argument("--missed", action="store_true", help="list what no test reached")
    parser.add_argument("--again", action="store_true", help="report on the last run, run nothing")
    parser.add_argument("--write", action="store_true",
                        help="put the list of docs/coverage.md anew; its reasons stay")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    passed = True
    if not options.again:
        clear(build)
        passed = run_tests(build)
    files = sorted((read_file(found) for found in measure(build)), key=lambda file: file.name)
    packet_path = [file for file in files if file.name not in OFF_THE_PATH]
    total = add_up("packet path", packet_path)
    if options.missed:
        for file in files:
            mark = "(not on the packet path) " if file.name in OFF_THE_PATH else ""
            for number, what in file.missed:
                print(f"{file.name}:{number}: {mark}{what}")
        print()
    print_table([*files, add_up("all", files), total])
    if not passed:
        print("tests failed: the figures are not to be trusted")
        return 1
    if options.write:
        write_page(packet_path)
    if share(total.lines_hit, total.lines) < LINES_MIN or \
            share(total.branches_hit, total.branches) < BRANCHES_MIN:
        print(f"the packet path is covered less than {LINES_MIN} % of lines and "
              f"{BRANCHES_MIN} % of branches")
        return 1
    return 0 if page_is_true(packet_path) else 1


if __name__ == "__main__":
    sys.exit(main())
