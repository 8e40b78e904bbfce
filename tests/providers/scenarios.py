"""L1: what each descriptor must do against the synthetic server of its vendor.

check(name, descriptor) runs all scenarios and returns a list of Fault: empty when all is well.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import traceback

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "lib")]

import server as servers  # noqa: E402
from dry_run import DryRun, Refused, Reply  # noqa: E402

ONE = "jPy2lzSkYuFUYiCjuDjqv5DYvIwhkpp_7UkFn2xQeMU"
TWO = "-Xm8BYGmFTvZ6TIv4mEOHKgtYkPcMa8SHI-NCm2A4Wo"
OTHERS = "v=spf1 include:mail.example -all"
LONG = "k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 9
STEPS_MAX = 150
RETRY_S = 7


@dataclasses.dataclass
class Fault:
    scenario: str
    text: str

    def __str__(self):
        return f"{self.scenario}: {self.text}"


class Failed(Exception):
    pass


class World:
    """A vendor with an account, and our engine with the account's credentials."""

    def __init__(self, vendor, descriptor, which=0, program=None):
        self.vendor = vendor
        self.descriptor = alone(descriptor)
        self.program = program
        self.server = servers.Server(vendor, which)
        zones = {zone.name: zone for zone in self.server.zones}
        ours = [zones[name] for name in vendor.zones]
        self.zone, self.deep, self.top = (ours + ours + ours)[:3]
        self.names = {"below": f"_acme-challenge.www.{self.zone.name}",
                      "top": f"_acme-challenge.{self.zone.name}",
                      "deep": f"_acme-challenge.www.{self.deep.name}",
                      "alone": f"_acme-challenge.alone.{self.zone.name}",
                      "apex": self.top.name}
        self.engine = None
        self.trouble = {}  # Number of a request: what happens to it.
        self.meanwhile = None  # What somebody else does just before our next write.
        self.sent = []
        self.populate()
        self.settings = settings_of(descriptor, vendor, self.server.credentials)

    def populate(self):
        """Records of others: at our names and elsewhere."""
        server = self.server
        for number in range(3):
            server.add(self.zone, f"host{number}.{self.zone.name}", "A", f"192.0.2.{number}", 3600)
        for place, name in self.names.items():
            zone = server.holder(name)
            if place == "alone":
                continue
            if self.vendor.foreign:
                server.add(zone, name, "TXT", OTHERS, 3600)
            if self.vendor.foreign is True:
                server.add(zone, name, "TXT", LONG, 3600)
            server.add(zone, name, "A", "198.51.100.7", 3600)
        server.add(self.zone, f"zz.{self.names['below']}", "TXT", ONE, 3600)
        server.add(self.zone, f"x{self.names['below']}", "TXT", ONE, 3600)
        most = max((one.paging.largest for one in self.vendor.routes
                    if one.paging is not None and not one.paging.told), default=0)
        for number in range(min(most, 120)):
            server.add(self.zone, f"more{number}.{self.zone.name}", "TXT", f"filler {number}", 3600)
        self.before = self.snapshot()
        for zone in server.zones:
            zone.dirty = False

    def snapshot(self):
        return sorted((*one.key(), one.note, one.ttl) for one in self.server.records)

    def start(self):
        self.stop()
        self.engine = DryRun(self.descriptor, self.settings, self.program, subprocess.DEVNULL)

    def stop(self):
        if self.engine is not None:
            self.engine.close()
            self.engine = None

    def send(self, request):
        number = len(self.sent)
        self.sent.append(request)
        if request.writes and self.meanwhile is not None:
            self.meanwhile, act = None, self.meanwhile
            act()
        return self.answer(request, self.trouble.get(number))

    def answer(self, request, trouble):
        if trouble is None:
            return self.server.answer(request)
        if trouble == "limit":
            return self.vendor_says(429, ((self.vendor.retry_header, str(RETRY_S)),))
        if trouble == "broken":
            return Reply(503, "<html>unavailable</html>", (("content-type", "text/html"),))
        if trouble == "unsent":
            return Reply(-1, error="the connection was refused")
        if trouble == "lost":
            self.server.answer(request)
            return Reply.lost()
        if trouble == "throttled":
            return self.server.refuse(servers.Refusal("throttled", "slow down"))
        if trouble == "refused":
            refusal = servers.Refusal("invalid", "the vendor says no, firmly")
            return self.server.refuse(refusal)
        raise AssertionError(trouble)

    def vendor_says(self, status, headers):
        shape = self.vendor.error.shape
        reply = self.server.written(shape, {"text": "slow down", "status": status, "code": "limit"},
                                    status, dict(headers))
        return dataclasses.replace(reply, status=status)

    def find_zone(self, name):
        zone = self.server.holder(name)
        return zone.name if zone else ".".join(name.split(".")[-2:])

    def job(self, verb, name, value, zone=None, ttl=0):
        self.sent = []
        if self.engine is None:
            self.start()
        return self.engine.job(verb, name, value, self.send, zone=zone, ttl=ttl,
                               find_zone=self.find_zone)

    def run(self, verb, name, value, **asked):
        job = self.job(verb, name, value, **asked)
        for _ in range(STEPS_MAX):
            finished = job.step()
            if finished is not None:
                return finished, job
        raise Failed(f"{verb} has no end")

    def do(self, verb, name, value, **asked):
        finished, job = self.run(verb, name, value, **asked)
        if not finished.done:
            raise Failed(f"{verb} of {name} failed at {finished.step}: {finished.kind}: "
                         f"{finished.text}{self.wrongs()}")
        return job

    def wrongs(self):
        return "".join(f"; server: {one}" for one in self.server.violations[:2])

    def expect(self, *values, name=None, zone=None, when="then"):
        """Just these values of ours stand, beside all that was there before."""
        if self.server.violations:
            raise Failed(f"{when}: the vendor refused: {self.server.violations[0]}")
        left = self.server.unfinished()
        if left:
            raise Failed(f"{when}: {left[0]}")
        now = self.snapshot()
        missing = [one for one in self.before if one not in now]
        if missing:
            raise Failed(f"{when}: a record of others is gone: {missing[0]}")
        added = list(now)
        for one in self.before:
            added.remove(one)
        zone = zone or (self.server.holder(name).name if name else None)
        wanted = sorted((zone, name, "TXT", value) for value in values)
        if sorted(one[:4] for one in added) != wanted:
            raise Failed(f"{when}: expected {wanted}, found {[one[:4] for one in added]}")


def alone(descriptor, folders={}):  # noqa: B006  they go with the program
    """A copy with just those that it extends beside it: the engine reads a file's whole folder."""
    path = pathlib.Path(descriptor)
    if len(list(path.parent.glob("*.json"))) < 5:
        return path
    if path not in folders:
        folders[path] = tempfile.TemporaryDirectory(prefix="dns01d-descriptor-")
    while path.is_file():
        text = path.read_text()
        pathlib.Path(folders[pathlib.Path(descriptor)].name, path.name).write_text(text)
        path = path.with_name(json.loads(text).get("extends", "") + ".json")
    return pathlib.Path(folders[pathlib.Path(descriptor)].name, pathlib.Path(descriptor).name)


def settings_of(descriptor, vendor, credentials):
    """The descriptor's settings, found by lego's environment names."""
    config = config_of(pathlib.Path(descriptor))
    given = dict(vendor.settings)
    for name, value in credentials.items():
        keys = [key for key, entry in config.items() if name in (entry or {}).get("env", ())]
        if len(keys) != 1:
            raise Failed(f"{len(keys)} settings of the descriptor have the environment name {name}")
        given[keys[0].replace("_", "-")] = str(value)
    return given


def config_of(path):
    text = json.loads(path.read_text())
    config = {}
    if "extends" in text:
        config = config_of(path.with_name(text["extends"] + ".json"))
    for key, entry in text.get("config", {}).items():
        config[key] = {**(config.get(key) or {}), **(entry or {})}
    return config


# ---- scenarios: each gets a fresh World ----------------------------------------------------------


def flow(world):
    """Present, repeat, second value, cleanup, cleanup again, at one name."""
    for place, name in world.names.items():
        if place in world.vendor.skip:
            continue
        world.do("present", name, ONE)
        world.expect(ONE, name=name, when=f"{place}: after present")
        world.do("present", name, ONE)
        world.expect(ONE, name=name, when=f"{place}: after the same present again")
        if world.vendor.slot != 1:
            world.do("present", name, TWO)
            world.expect(ONE, TWO, name=name, when=f"{place}: after a second value")
            world.do("cleanup", name, ONE)
            world.expect(TWO, name=name, when=f"{place}: after cleanup of the first value")
            world.do("cleanup", name, ONE)
            world.expect(TWO, name=name, when=f"{place}: after the same cleanup again")
            world.do("cleanup", name, TWO)
        else:
            world.do("cleanup", name, ONE)
        world.expect(name=name, when=f"{place}: after cleanup")
        world.do("cleanup", name, ONE)
        world.expect(name=name, when=f"{place}: after a cleanup of nothing")


def restart(world):
    """Another process cleans up what the first one made."""
    name = world.names["below"]
    world.do("present", name, ONE)
    world.start()
    world.do("present", name, ONE)
    world.expect(ONE, name=name, when="after a restart and the same present")
    world.start()
    world.do("cleanup", name, ONE)
    world.expect(name=name, when="after a restart and cleanup")
    world.start()
    world.do("cleanup", name, ONE)
    world.expect(name=name, when="after a restart and a cleanup of nothing")


def pinned(world):
    """The zone is configured: a name of the zone below is written into the one above it."""
    if not world.deep.name.endswith("." + world.zone.name):
        return
    name = f"_acme-challenge.pinned.{world.deep.name}"
    zone = world.deep.name
    world.do("present", name, ONE, zone=zone)
    world.expect(ONE, name=name, zone=zone, when="after present with a configured zone")
    world.do("cleanup", name, ONE, zone=zone)
    world.expect(name=name, when="after cleanup with a configured zone")


def strangers(world):
    """A name that the account does not hold, and wrong credentials: a failure, and nothing written."""
    finished, _ = world.run("present", "_acme-challenge.stranger.test", ONE)
    if finished.done:
        raise Failed("present of a name that is not in the account succeeded")
    world.server.violations.clear()
    world.expect(when="after a present that failed")


def credentials(world):
    if not world.server.credentials:
        return
    name = world.names["below"]
    for setting, value in list(world.settings.items()):
        if setting in world.vendor.settings:
            continue
        world.settings[setting] = value[:-1] + ("x" if value[-1] != "x" else "y")
        world.start()
        finished, _ = world.run("present", name, ONE)
        world.settings[setting] = value
        if finished.done:
            raise Failed(f"present with a wrong {setting} succeeded")
        if finished.kind != "credentials":
            raise Failed(f"present with a wrong {setting}: kind {finished.kind}: {finished.text}")
        world.server.violations.clear()
        world.expect(when=f"after a wrong {setting}")


def count(world, verb, name, prepare):
    prepare()
    return len(world.do(verb, name, ONE).requests)


def each_request(make, trouble):
    """One after the other: that happens to each request of a present and of a cleanup."""
    for verb in ("present", "cleanup"):
        number = 0
        while True:
            world = make()
            name = world.names["below"]
            try:
                if verb == "cleanup":
                    world.do("present", name, ONE)
                    world.start()
                world.trouble = {number: trouble}
                finished, job = world.run(verb, name, ONE)
                if len(world.sent) <= number:
                    break
                yield world, verb, number, finished, job
            finally:
                world.stop()
            number += 1


def endures(trouble):
    def scenario(make):
        for world, verb, number, finished, job in each_request(make, trouble):
            where = f"{verb}, request {number + 1} ({world.sent[number].step}) {trouble}"
            if not finished.done:
                raise Failed(f"{where}: failed: {finished.kind}: {finished.text}{world.wrongs()}")
            if trouble == "limit" and not any(
                    RETRY_S * 1000 <= one["after_ms"] <= (RETRY_S + 1) * 1000
                    for one in job.retries):
                raise Failed(f"{where}: Retry-After was not heeded")
            values = (ONE,) if verb == "present" else ()
            if trouble == "lost":
                world.server.jobs.clear()  # Nobody knows the name of a job whose reply was lost.
            world.expect(*values, name=world.names["below"], when=where)
            if verb == "present":
                world.trouble = {}
                world.start()
                world.do("cleanup", world.names["below"], ONE)
                world.expect(name=world.names["below"], when=f"{where}, and cleanup")
    scenario.__name__ = trouble
    return scenario


def refused(make):
    """The vendor refuses a request in its own words: the job fails with them."""
    for world, verb, number, finished, _ in each_request(make, "refused"):
        step = world.sent[number].step
        where = f"{verb}, request {number + 1} ({step}) refused"
        if finished.done and step not in world.vendor.harmless:
            raise Failed(f"{where}: taken for success")
        if not finished.done and "the vendor says no, firmly" not in finished.text \
                and world.vendor.error.shape is not None and step not in world.vendor.harmless:
            raise Failed(f"{where}: the vendor's words are not told: {finished.text}")
        if not finished.done and finished.kind not in ("refused", "no_zone", "credentials", "other"):
            raise Failed(f"{where}: kind {finished.kind}")


def together(world):
    """Two jobs at one name, a step of each in turn, with the locks they ask for."""
    if world.vendor.slot:
        return
    name = world.names["below"]
    for verb in ("present", "cleanup"):
        world.start()
        jobs = {value: world.job(verb, name, value) for value in (ONE, TWO)}
        held = {}
        done = set()
        for _ in range(STEPS_MAX):
            for value, job in jobs.items():
                key = job.action.get("key")
                if value in done or (job.action["action"] == "lock"
                                     and held.get(key, value) != value):
                    continue
                if job.action["action"] == "lock":
                    held[key] = value
                finished = job.step()
                if finished is not None:
                    if not finished.done:
                        raise Failed(f"{verb}: {finished.kind}: {finished.text}{world.wrongs()}")
                    done.add(value)
                    held = {one: holder for one, holder in held.items() if holder != value}
        if len(done) != 2:
            raise Failed(f"{verb}: two jobs have no end")
        world.expect(*((ONE, TWO) if verb == "present" else ()), name=name,
                     when=f"after two jobs at once ({verb})")


def times(world):
    """The TTL is one the vendor takes, whatever was asked for."""
    name = world.names["below" if "alone" in world.vendor.skip else "alone"]
    for ttl in (1, 700, 86400):
        world.do("present", name, ONE, ttl=ttl)
        world.expect(ONE, name=name, when=f"after present with TTL {ttl}")
        world.do("cleanup", name, ONE)


def looks(world):
    """The verb `look` tells whether a value stands."""
    name = world.names["below"]
    if not any(one.operation.startswith(("list_r", "get_r", "get_d")) for one in world.vendor.routes
               if isinstance(one.operation, str)):
        return
    finished, _ = world.run("look", name, ONE)
    if finished.kind != "absent":
        raise Failed(f"look before present: {finished.kind}: {finished.text}")
    world.do("present", name, ONE)
    world.do("look", name, ONE)
    world.expect(ONE, name=name)


def expired(world):
    """A login that the vendor has forgotten is done again."""
    if not any(one.operation == "login" for one in world.vendor.routes):
        return
    name = world.names["below"]
    world.do("present", name, ONE)
    world.server.tokens.clear()
    job = world.job("cleanup", name, ONE)
    finished = None
    while finished is None:
        finished = job.step()
    if not finished.done:
        raise Failed(f"after a forgotten login: {finished.kind}: {finished.text}")
    world.server.violations.clear()
    world.expect(name=name, when="after a forgotten login")


def vanished(world):
    """Somebody else removes the record between our look and our write: that is what we wanted."""
    name = world.names["alone"]
    world.do("present", name, ONE)
    world.meanwhile = lambda: [world.server.drop(one) for one in world.server.at(owner=name)]
    job = world.do("cleanup", name, ONE)
    writes = [index for index, one in enumerate(job.requests) if one.writes]
    if not writes:
        raise Failed("cleanup found nothing to remove")
    if any(one.step == "zone" for one in job.requests[writes[0]:]):
        raise Failed("that the record had vanished was taken for a zone that had gone")
    for zone in world.server.zones:
        zone.dirty = False
    world.expect(name=name, when="after the record had vanished")


def raced(world):
    """Somebody else writes the same value between our look and our write."""
    if world.vendor.duplicates != "refuse":
        return
    name = world.names["alone"]
    zone = world.server.holder(name)
    world.meanwhile = lambda: world.server.add(zone, name, "TXT", ONE, 3600)
    world.do("present", name, ONE)
    zone.dirty = False
    world.expect(ONE, name=name, when="after the same value had been written meanwhile")


def broken_job(world):
    """The change was accepted, and its job fails."""
    polls = [one for one in world.vendor.routes if one.operation == "poll"]
    if not polls:
        return
    world.server.jobs_fail = True
    finished, _ = world.run("present", world.names["below"], ONE)
    if finished.kind != "refused":
        raise Failed(f"present, whose job fails: {finished.kind}: {finished.text}")


def pace(world):
    """No more requests in a time than the vendor says it takes."""
    if world.vendor.limit is None:
        return
    world.start()
    account = world.engine.account
    requests, seconds = world.vendor.limit
    if not account["requests"] or not account["per_ms"]:
        raise Failed(f"no limit; the vendor takes {requests} requests in {seconds} s")
    if account["requests"] * seconds * 1000 > requests * account["per_ms"]:
        raise Failed(f"{account['requests']} requests in {account['per_ms']} ms; the vendor takes "
                     f"{requests} in {seconds} s")


PLAIN = (flow, vanished, raced, broken_job, pace, restart, pinned, looks, times, together, credentials, strangers, expired)
TROUBLED = (endures("limit"), endures("broken"), endures("unsent"), endures("lost"), refused)


def scenarios_of(vendor):
    """Name to function(descriptor, program), of all that have a meaning for this vendor."""
    def plain(scenario, which=0):
        def run(descriptor, program=None):
            world = World(vendor, descriptor, which, program)
            try:
                scenario(world)
            finally:
                world.stop()
        return run

    def troubled(scenario):
        return lambda descriptor, program=None: scenario(
            lambda: World(vendor, descriptor, 0, program))

    found = {one.__name__: plain(one) for one in PLAIN}
    for which in range(1, len(vendor.auth)):
        found[f"credentials-{which + 1}"] = plain(flow, which)
    found.update((one.__name__, troubled(one)) for one in TROUBLED)
    if "throttled" in vendor.errors:
        found["throttled"] = troubled(endures("throttled"))
    return {name: run for name, run in found.items() if name not in vendor.skip}


def run_one(scenario, run, descriptor, program=None):
    """None, or the Fault."""
    try:
        run(descriptor, program)
        return None
    except (Failed, Refused) as fault:
        return Fault(scenario, str(fault))
    except RuntimeError as fault:
        return Fault(scenario, f"engine: {fault}")
    except (KeyError, TypeError, ValueError, OSError) as fault:
        where = traceback.extract_tb(fault.__traceback__)[-1]
        return Fault(scenario, f"{type(fault).__name__}: {fault} ({where.name}, line "
                               f"{where.lineno}): facts that do not fit?")


def check(name, descriptor, program=None, first=False):
    """All scenarios; with `first` until one fails. Returns the faults."""
    faults = []
    for scenario, run in scenarios_of(servers.load(name)).items():
        fault = run_one(scenario, run, descriptor, program)
        if fault is not None:
            faults.append(fault)
            if first:
                break
    return faults


def main():
    import argparse
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="types; default: all that have facts")
    parser.add_argument("--descriptors", type=pathlib.Path,
                        default=pathlib.Path(__file__).parents[2] / "providers/descriptors")
    options = parser.parse_args()
    bad = 0
    for name in options.names or servers.known():
        path = options.descriptors / (name + ".json")
        if not path.exists():
            print(f"{name}: no descriptor")
            continue
        faults = check(name, path)
        bad += bool(faults)
        print(f"{name}: {'ok' if not faults else ''}")
        for fault in faults:
            print(f"    {fault}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
