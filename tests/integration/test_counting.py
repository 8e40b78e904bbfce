"""The counting of ./dev test: nothing that broke may look as if it had passed."""

import argparse

import pytest

import run

PASSED = "TAP version 13\n1..2\nok 1 - one\nok 2 - two\n"


def entry(stdout="", result="OK", returncode=0):
    return {"name": "suite", "stdout": stdout, "result": result, "returncode": returncode}


@pytest.mark.parametrize(("given", "expected"), [
    (entry(PASSED), "2 passed, 0 failed, 0 skipped"),
    (entry("1..2\nok 1 - one\nnot ok 2 - two\n", "FAIL", 1), "1 passed, 1 failed, 0 skipped"),
    (entry("1..2\nok 1 - one\nok 2 - two # SKIP no disk\n"), "1 passed, 0 failed, 1 skipped"),
    (entry("1..0 # SKIP all\n", "SKIP"), "0 passed, 0 failed, 1 skipped"),
    # Without TAP a program is one test.
    (entry("some text\n"), "1 passed, 0 failed, 0 skipped"),
    (entry("some text\n", "FAIL", 1), "0 passed, 1 failed, 0 skipped"),
    # It crashed half-way: what its plan promised has failed.
    (entry("1..3\nok 1 - one\n", "ERROR", -11), "1 passed, 2 failed, 0 skipped"),
    # It crashed before its first line, and after its last one (a leak, say).
    (entry("", "ERROR", -6), "0 passed, 1 failed, 0 skipped"),
    (entry(PASSED, "ERROR", 23), "2 passed, 1 failed, 0 skipped"),
    (entry("", "TIMEOUT", -9), "0 passed, 1 failed, 0 skipped"),
])
def test_meson_entry(given, expected):
    assert str(run.count_meson_entry(given)) == expected


def test_failed_tests_are_named():
    count = run.count_meson_entry(entry("1..1\nnot ok 1 - adds up\n", "FAIL", 1))
    assert count.failures == ["suite: adds up"]


def test_junit(tmp_path):
    report = tmp_path / "junit.xml"
    report.write_text("""<testsuites><testsuite>
        <testcase classname="a" name="good"/>
        <testcase classname="a" name="bad"><failure>x</failure></testcase>
        <testcase classname="a" name="broken"><error>x</error></testcase>
        <testcase classname="a" name="left"><skipped/></testcase>
    </testsuite></testsuites>""")
    count = run.count_junit(report, "stage")
    assert str(count) == "1 passed, 2 failed, 1 skipped"
    assert count.failures == ["stage: a::bad", "stage: a::broken"]


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    return run.Runner(argparse.Namespace(build="build", sanitizer="asan", keyword=None))


def test_stage_that_runs_nothing_has_failed(runner):
    for folder in run.PYTEST_FOLDERS["integration"]:
        (run.ROOT / folder).mkdir(parents=True)
    (run.ROOT / "tests/pytest.ini").write_text("[pytest]\n")
    assert runner.run_stage("integration").failures == ["integration: ran nothing"]


def test_report_of_a_sanitizer_is_a_failure(runner):
    folder = runner.results / "integration"
    folder.mkdir(parents=True)
    (folder / "sanitizer.1234").write_text("==1==ERROR: AddressSanitizer: heap-use-after-free\n")
    count = run.Count(passed=3)
    runner.count_reports("integration", folder, count)
    assert str(count) == "3 passed, 1 failed, 0 skipped"
