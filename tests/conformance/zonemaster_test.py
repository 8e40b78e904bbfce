"""Zonemaster finds no fault in a zone of dns01d; docs/zonemaster.md says the same as the run."""

import re

import pytest

from dns01d import ROOT
from namespaces import without_root
from zonemaster import DELEGATION, LAME, ZONE, Internet, profile_cases, tags

DOCUMENT = ROOT / "docs/zonemaster.md"
# Run in place of a zone's other cases: when it has no NS, and when it is signed.
ONLY_WITHOUT_NS = {"BASIC03"}
# Not run for a name that is no host name.
ONLY_FOR_HOST_NAMES = {f"SYNTAX{i:02}" for i in range(4, 9)}
UNSIGNED_CASE = "DNSSEC07"


@pytest.fixture
def internet(request, tmp_path):
    if without_root(request):
        yield None
        return
    with Internet(tmp_path) as made:
        yield made


def explained(level):
    """The tags that the document explains, of one level."""
    return set(re.findall(rf"^\| {level} \| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE))


def check(messages, errors, cases_left_out):
    found = {level: tags(messages, level) for level in ("CRITICAL", "ERROR", "WARNING", "NOTICE")}
    assert found["CRITICAL"] == set()
    assert found["ERROR"] == errors
    for level in ("WARNING", "NOTICE"):
        assert found[level] == explained(level)
    begun = {message["testcase"] for message in messages if message["tag"] == "TEST_CASE_START"}
    missing = {case for case in profile_cases() - begun if not case.startswith("DNSSEC")}
    assert missing == ONLY_WITHOUT_NS | cases_left_out
    assert UNSIGNED_CASE in begun


def test_no_fault_and_every_remark_explained(internet):
    if internet is None:
        return
    check(internet.run(ZONE, "DEBUG"), set(), set())


def test_delegation_of_one_challenge_name(internet):
    if internet is None:
        return
    check(internet.run(DELEGATION, "DEBUG"), explained("ERROR"), ONLY_FOR_HOST_NAMES)


def test_a_lame_delegation_is_found(internet):
    """The other test means something: the same servers, asked for a zone they do not serve."""
    if internet is None:
        return
    messages = internet.run(LAME)
    assert tags(messages, "ERROR") | tags(messages, "CRITICAL")
