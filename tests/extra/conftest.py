"""One world for the clients that Debian does not have; all start as soon as it stands."""

import pytest

from clients_extra import EVERY, OPEN
from world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("extra"))
    made.dns01d.config["api"].update(OPEN)
    for client in EVERY:
        client.join(made)
    with made:
        for client in EVERY:
            if not client.unavailable():
                try:
                    client.start()
                except Exception as fault:  # Its own test says so.
                    client.fault = fault
        yield made
