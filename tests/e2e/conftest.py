"""One world for all end-to-end tests."""

import pytest

from world import World

# Their _acme-challenge is delegated to dns01d, and lego's token has a right to them.
NS_DELEGATED = ["direct.example.test", "deep.er.example.test"]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"), direct=NS_DELEGATED)
    for token in made.dns01d.config["tokens"]:
        token["names"] = NS_DELEGATED
    with made as running:
        yield running
