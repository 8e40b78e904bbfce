"""A test of the tests: a changed field of a descriptor makes L1 fail.

By default some fields, always the same: DNS01D_SEED chooses others, DNS01D_MUTATIONS=0 takes all.
"""

import os
import pathlib

import pytest

import mutate

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("DNS01D_BUILD", "build") / "tests/lib/engine-dry-run"
COUNT = int(os.environ.get("DNS01D_MUTATIONS", "60"))
SAMPLE = mutate.sample(COUNT, os.environ.get("DNS01D_SEED", "1"))


@pytest.mark.parametrize(("name", "path"), SAMPLE,
                         ids=[f"{name}-{mutate.written(path)}" for name, path in SAMPLE])
def test_changed_field_is_noticed(name, path):
    assert mutate.noticed(name, path, PROGRAM) is not None, "no scenario failed"


def test_exceptions_are_needed():
    """Each entry of exceptions.json that is for some types names fields that they have."""
    listed = mutate.exceptions()
    used = {mutate.excused(name, path, listed) for name, path in mutate.everything()}
    unused = [one["field"] for index, one in enumerate(listed) if index not in used and "types" in one]
    assert not unused
