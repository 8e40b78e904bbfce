"""Notes what passed; with DNS01D_WRITE_DOCS=1 writes results.json and docs/providers.md of it."""

import os
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "lib")]

import table  # noqa: E402

OUTCOMES = {}  # Type of provider: whether all of its scenarios passed.


def pytest_runtest_logreport(report):
    properties = dict(report.user_properties)
    name = properties.get("provider")
    if name is not None and (report.when == "call" or report.failed):
        OUTCOMES[name] = OUTCOMES.get(name, True) and report.passed


def pytest_sessionfinish(session):
    if os.environ.get("DNS01D_WRITE_DOCS") == "1" and OUTCOMES:
        table.note_l1(OUTCOMES)
        table.write_doc()
