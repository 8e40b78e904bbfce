"""L1: each descriptor through the engine against the synthetic server of its vendor."""

import os
import pathlib

import pytest

import scenarios
import server
import table

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("DNS01D_BUILD", "build") / "tests/lib/engine-dry-run"
TYPES = sorted(path.stem for path in table.DESCRIPTORS.glob("*.json"))
FACTS = {name: server.load(name) for name in server.known()}
CASES = [(name, scenario) for name in TYPES if name in FACTS
         for scenario in scenarios.scenarios_of(FACTS[name])]


@pytest.mark.parametrize(("name", "scenario"), CASES,
                         ids=[f"{name}-{scenario}" for name, scenario in CASES])
def test_l1(name, scenario, record_property):
    record_property("provider", name)
    run = scenarios.scenarios_of(FACTS[name])[scenario]
    fault = scenarios.run_one(scenario, run, table.DESCRIPTORS / f"{name}.json", PROGRAM)
    assert fault is None, str(fault)


@pytest.mark.parametrize("name", TYPES)
def test_descriptor_has_facts(name):
    """Nothing is called supported below L1: facts/ says what the vendor's API is."""
    assert name in FACTS, f"write tests/providers/facts/{name.replace('-', '_')}.py (README.md there)"


@pytest.mark.parametrize("name", TYPES)
def test_settings_are_those_of_lego(name):
    """The environment names are lego's, and what is a secret is called one."""
    config = scenarios.config_of(table.DESCRIPTORS / f"{name}.json")
    known = {*FACTS[name].environment()} if name in FACTS else set()
    for key, entry in config.items():
        assert known.issuperset(entry.get("env", ())), f"{key}: {entry['env']} is not lego's"
        if set(entry.get("env", ())) & set(FACTS[name].secrets()):
            assert entry.get("secret"), f"{key} must be secret"
