"""Zonemaster finds no fault in a zone of dns01d; docs/zonemaster.md says the same as the run."""

import re

import pytest

from dns01d import ROOT
from namespaces import without_root
from zonemaster import LAME, ZONE, Internet, profile_cases, tags

DOCUMENT = ROOT / "docs/zonemaster.md"
# Run in place of a zone's other cases: when it has no NS, and when it is signed.
ONLY_WITHOUT_NS = {"BASIC03"}
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


def test_no_fault_and_every_remark_explained(internet):
    if internet is None:
        return
    messages = internet.run(ZONE, "DEBUG")
    found = {level: tags(messages, level) for level in ("CRITICAL", "ERROR", "WARNING", "NOTICE")}
    assert found["CRITICAL"] == found["ERROR"] == set()
    for level in ("WARNING", "NOTICE"):
        assert found[level] == explained(level)
    begun = {message["testcase"] for message in messages if message["tag"] == "TEST_CASE_START"}
    missing = profile_cases() - begun - ONLY_WITHOUT_NS
    assert {case for case in missing if not case.startswith("DNSSEC")} == set()
    assert UNSIGNED_CASE in begun


def test_a_lame_delegation_is_found(internet):
    """The other test means something: the same servers, asked for a zone they do not serve."""
    if internet is None:
        return
    messages = internet.run(LAME)
    assert tags(messages, "ERROR") | tags(messages, "CRITICAL")
