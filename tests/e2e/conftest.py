"""One world for all end-to-end tests."""

import pytest

from world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("world")) as running:
        yield running
