"""Runs the test stages in order, counts single tests and ends with one summary line.

Called by ./dev test. Logs go to test-results/<sanitizer>/<stage>/. A program that crashes counts as
a failed test, and so does a stage that runs nothing.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAGES = ("unit", "fuzz", "lint", "providers", "integration", "e2e")
STAGE_SECONDS_MAX = {
    "unit": 600, "threads": 600, "fuzz": 300, "lint": 300, "providers": 1200, "integration": 1200,
    "e2e": 600, "extra": 600, "kubernetes": 1200,
}
PYTEST_FOLDERS = {
    "providers": ("tests/providers",),
    "integration": ("tests/integration", "tests/fault", "tests/conformance"), "e2e": ("tests/e2e",),
    "extra": ("tests/extra",), "kubernetes": ("tests/e2e/kubernetes",),
}
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1:exitcode=66",
}
# Stages whose programs get a network of their own, and the mounts of pods.
UNSHARED = ("kubernetes",)
TAP_LINE = re.compile(r"^\s*(not ok|ok)\b(?:\s+\d+)?\s*(?:-\s*)?([^#]*)(?:#\s*(\w+))?")
TAP_PLAN = re.compile(r"^\s*1\.\.(\d+)")


@dataclasses.dataclass
class Count:
    """Results of single tests; `failures` holds one line of text for each failed one."""

    passed: int = 0
    skipped: int = 0
    failures: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures

    def __str__(self):
        return f"{self.passed} passed, {len(self.failures)} failed, {self.skipped} skipped"


def count_tap(text, name):
    """Counts the tests of one TAP output; those that its plan names and it lacks have failed."""
    count = Count()
    seen = 0
    planned = None
    for line in text.splitlines():
        plan = TAP_PLAN.match(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
            continue
        found = TAP_LINE.match(line)
        if not found:
            continue
        seen += 1
        status, title, directive = found.groups()
        if (directive or "").upper().startswith("SKIP"):
            count.skipped += 1
        elif status == "ok":
            count.passed += 1
        else:
            count.failures.append(f"{name}: {title.strip()}")
    for _ in range(seen, planned or 0):
        count.failures.append(f"{name}: did not run")
    return count, seen


def count_meson_entry(entry):
    """Counts one program that meson ran."""
    name = entry["name"]
    count, seen = count_tap(entry.get("stdout") or "", name)
    result = entry["result"]
    if result == "SKIP" and seen == 0:
        count.skipped += 1
    elif result == "OK" and seen == 0:
        count.passed += 1
    elif result not in ("OK", "SKIP", "EXPECTEDFAIL") and not count.failures:
        count.failures.append(f"{name}: {result} (exit status {entry.get('returncode')})")
    return count


def count_junit(path, stage):
    """Counts the test cases of a pytest run."""
    count = Count()
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            count.failures.append(f"{stage}: {name}")
        elif case.find("skipped") is not None:
            count.skipped += 1
        else:
            count.passed += 1
    return count


class Runner:
    """One run of some stages against one build folder."""

    def __init__(self, options):
        self.build = (ROOT / options.build).resolve()
        self.sanitizer = options.sanitizer
        self.keyword = options.keyword
        self.results = ROOT / "test-results" / options.sanitizer

    def run_stage(self, stage):
        folder = self.results / stage
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        start = time.monotonic()
        print(f"== {stage}", flush=True)
        if stage in ("unit", "threads", "fuzz"):
            count = self.run_meson(stage, folder)
        elif stage == "lint":
            count = self.run_lint(folder)
        else:
            count = self.run_pytest(stage, folder)
        self.count_reports(stage, folder, count)
        if count.passed + count.skipped + len(count.failures) == 0:
            count.failures.append(f"{stage}: ran nothing")
        for failure in count.failures:
            print(f"   FAILED {failure}", flush=True)
        if count.failures:
            print(f"   logs: {folder.relative_to(ROOT)}/", flush=True)
        print(f"   {stage}: {count} ({time.monotonic() - start:.0f} s)", flush=True)
        return count

    def environment(self, folder):
        """What the programs under test see: where the build is, and where sanitizers write."""
        environment = dict(os.environ, DNS01D_BUILD=str(self.build), PYTHONDONTWRITEBYTECODE="1",
                           PYTHONUNBUFFERED="1", DNS01D_SANITIZER=self.sanitizer)
        for name, value in SANITIZER_ENVIRONMENT.items():
            environment[name] = f"{value}:log_path={folder / 'sanitizer'}"
        return environment

    def run_program(self, command, folder, stage, show):
        """Runs command in a process group of its own; returns its exit status, or None."""
        log = (folder / "output.log").open("wb")
        with subprocess.Popen(command, cwd=ROOT, env=self.environment(folder),
                              stdout=subprocess.PIPE if show else log, stderr=subprocess.STDOUT,
                              start_new_session=True) as program:
            try:
                deadline = time.monotonic() + STAGE_SECONDS_MAX[stage]
                if show:
                    signal.signal(signal.SIGALRM, lambda *_: end_group(program, signal.SIGTERM))
                    signal.alarm(STAGE_SECONDS_MAX[stage])
                    for line in program.stdout:
                        log.write(line)
                        sys.stdout.write("   " + line.decode(errors="replace"))
                        sys.stdout.flush()
                    signal.alarm(0)
                return program.wait(max(1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                return None
            finally:
                signal.alarm(0)
                end_group(program, signal.SIGTERM)
                try:
                    program.wait(15)
                except subprocess.TimeoutExpired:
                    pass
                end_group(program, signal.SIGKILL)
                log.close()

    def run_meson(self, stage, folder):
        command = ["meson", "test", "-C", str(self.build), "--no-rebuild", "--suite", stage,
                   "--logbase", f"dev-{stage}", "--print-errorlogs"]
        log = self.build / "meson-logs" / f"dev-{stage}.json"
        log.unlink(missing_ok=True)
        if self.sanitizer != "release":
            command += ["--timeout-multiplier", "4"]
        status = self.run_program(command, folder, stage, show=True)
        count = Count()
        if log.is_file():
            shutil.copy(log, folder)
            for line in log.read_text().splitlines():
                count.add(count_meson_entry(json.loads(line)))
        if status != 0 and not count.failures:
            count.failures.append(f"{stage}: meson test ended with status {status}")
        return count

    def run_lint(self, folder):
        command = [sys.executable, "tests/lint/lint.py", "--build", str(self.build)]
        status = self.run_program(command, folder, "lint", show=False)
        text = (folder / "output.log").read_text(errors="replace")
        count, _ = count_tap(text, "lint")
        if count.failures:
            print(text, flush=True)
        if status != 0 and not count.failures:
            count.failures.append(f"lint: ended with status {status}")
        return count

    def run_pytest(self, stage, folder):
        report = folder / "junit.xml"
        # Not below the results: a Unix socket's path has at most 107 octets.
        files = tempfile.mkdtemp(prefix="dns01d-test-")
        command = [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", f"--junitxml={report}",
                   "--basetemp", f"{files}/t", *PYTEST_FOLDERS[stage]]
        if self.keyword:
            command += ["-k", self.keyword]
        if stage in UNSHARED:
            root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
            command = ["unshare", *root, "--net", "--mount", "env", "DNS01D_OWN_NETWORK=1",
                       *command]
        status = self.run_program(command, folder, stage, show=True)
        count = count_junit(report, stage) if report.is_file() else Count()
        if status not in (0, 5) and not count.failures:
            count.failures.append(f"{stage}: pytest ended with status {status}")
        if count.failures:
            print(f"   files of the tests: {files}/", flush=True)
        else:
            shutil.rmtree(files, ignore_errors=True)
        return count

    def count_reports(self, stage, folder, count):
        """What a sanitizer wrote is a failure, whatever the test that caused it said."""
        for report in sorted(folder.glob("sanitizer.*")):
            first = [line for line in report.read_text(errors="replace").splitlines() if line][:2]
            count.failures.append(f"{stage}: {report.relative_to(ROOT)}: {' '.join(first)[:200]}")


def end_group(program, number):
    try:
        os.killpg(program.pid, number)
    except ProcessLookupError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--sanitizer", default="release", choices=("release", "asan", "tsan"))
    parser.add_argument("--only", action="append", default=[],
                        choices=STAGES + ("threads", "extra", "kubernetes"))
    parser.add_argument("--keyword")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runner = Runner(options)
    total = Count()
    for stage in options.only or STAGES:
        total.add(runner.run_stage(stage))
    if total.failures:
        print("failed:")
        for failure in total.failures:
            print(f"  {failure}")
    print(total, flush=True)
    return 1 if total.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
