"""One credential per device: lego with a token made at run time, over httpreq and by UPDATE."""

import json
import subprocess

from clients import LegoUpdate

ZONE = "auth.example.test"


def make(world, name):
    """The token, made with dns01ctl while the server runs."""
    done = subprocess.run(
        [world.dns01d.build / "dns01ctl", "--socket", world.dns01d.state / "control.sock",
         "--json", "token", "new", "--name", name, "--lease", "1h", "--quota", "4"],
        capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


class DeviceUpdate(LegoUpdate):
    """lego signs with the key of the device's token, which joins a world that runs."""

    def __init__(self, world, name, token, domain):
        super().__init__(name, domain)
        self.world = world
        self.token = token
        self.folder = world.folder / name
        self.folder.mkdir()

    @property
    def secret_text(self):
        return self.token["tsig_secret"]

    def environment(self):
        return dict(super().environment(), RFC2136_TSIG_KEY=self.token["name"] + ".")


def test_httpreq_for_its_own_name_and_no_other(world):
    token = make(world, f"device1.{ZONE}")
    names = [token["name"], "*." + token["name"]]
    certificate, output = world.issue(*names, user=token["name"], secret=token["secret"])
    assert certificate, output
    world.verify(certificate, names)
    events = world.dns01d.request("GET", f"/v1/challenges/_acme-challenge.{token['name']}/timeline",
                                  headers={"Authorization": f"Bearer {token['secret']}"}).json()
    owners = {event["owner"] for event in events["events"] if event["event"] == "presented"}
    assert owners == {"token:" + token["name"]}
    certificate, output = world.issue(f"device2.{ZONE}", user=token["name"],
                                      secret=token["secret"])
    assert certificate is None
    assert "forbidden" in output


def test_update_for_its_own_name_and_no_other(world):
    token = make(world, f"device3.{ZONE}")
    own = DeviceUpdate(world, "device3", token, token["name"])
    other = DeviceUpdate(world, "device3-elsewhere", token, f"device4.{ZONE}")
    own.start()
    other.start()
    status, output = own.finish()
    assert status == 0, output
    for certificate, domains in own.certificates():
        world.verify(certificate, domains)
    status, output = other.finish()
    assert status != 0
    assert "REFUSED" in output
