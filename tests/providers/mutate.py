"""A test of the tests: each field of a descriptor changed once must make L1 fail.

`mutate.py NAME...` changes all fields of these descriptors and prints what nobody noticed;
exceptions.json lists those that may stay unnoticed, with the reason.
"""

import argparse
import copy
import fnmatch
import json
import pathlib
import random
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "lib")]

import scenarios  # noqa: E402
import server as servers  # noqa: E402
import table  # noqa: E402

EXCEPTIONS = pathlib.Path(__file__).with_name("exceptions.json")
WORDS = {
    "method": {"GET": "POST", "POST": "PUT", "PUT": "POST", "PATCH": "PUT", "DELETE": "POST"},
    "alg": {"sha1": "sha256", "sha256": "sha1", "md5": "sha1", "hmac-sha1": "hmac-sha256",
            "hmac-sha256": "hmac-sha1"},
    "enc": {"hex": "b64", "b64": "hex", "b64url": "hex", "raw": "hex"},
    "value_form": {"raw": "b64", "unquote": "b64", "b64": "raw"},
    "kind": {"page": "offset", "offset": "page", "cursor": "link", "link": "cursor"},
    "serialize": {"none": "account", "name": "none", "zone": "none", "account": "none"},
}
NUMBERS = {"ttl_min": lambda number: 0 if number > 1 else number, "ttl_max": lambda number: 2**31 - 1,
           "per_s": lambda number: number // 2 or 1,
           "size": lambda number: 3 * number}


def fields(value, path=()):
    """Paths of all members and elements that are not objects or lists themselves."""
    if isinstance(value, (dict, list)) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in pairs:
            yield from fields(part, (*path, key))
    elif path:
        yield path


def changed(value, path):
    """Another value for a field."""
    key = path[-1]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        status = {"gone", "status", "ok", "exists", "retry_on"}.intersection(path)
        return NUMBERS[key](value) if key in NUMBERS else 418 if status else value + 1
    if isinstance(value, str):
        words = WORDS.get(key, {})
        return words.get(value, value + "x")
    return "x"


def mutant(descriptor, path):
    """A copy with that field changed, or None where there is no other value."""
    made = copy.deepcopy(descriptor)
    place = made
    for key in path[:-1]:
        place = place[key]
    before = place[path[-1]]
    place[path[-1]] = changed(before, path)
    return None if place[path[-1]] == before else made


def written(path):
    return "/".join(str(part) for part in path)


def exceptions():
    return json.loads(EXCEPTIONS.read_text())


def excused(name, path, listed):
    """The index of the exception that lets a field pass, or None."""
    for index, one in enumerate(listed):
        if name in one.get("types", [name]) and fnmatch.fnmatch(written(path), one["field"]):
            return index
    return None


def everything(names=None):
    """(type, path) of all fields of these descriptors, or of all that have facts."""
    known = servers.known() if names is None else names
    for name in known:
        file = table.DESCRIPTORS / f"{name}.json"
        if file.is_file():
            yield from ((name, path) for path in fields(json.loads(file.read_text())))


def plans(names, listed):
    """Those that must matter."""
    for name, path in everything(names):
        descriptor = json.loads((table.DESCRIPTORS / f"{name}.json").read_text())
        if excused(name, path, listed) is None and mutant(descriptor, path) is not None:
            yield name, path


def noticed(name, path, program=None):
    """The fault that a changed field leads to, or None."""
    descriptor = json.loads((table.DESCRIPTORS / f"{name}.json").read_text())
    with tempfile.TemporaryDirectory(prefix="dns01d-mutant-") as folder:
        place = pathlib.Path(folder)
        below = descriptor.get("extends")
        while below:
            text = (table.DESCRIPTORS / f"{below}.json").read_text()
            (place / f"{below}.json").write_text(text)
            below = json.loads(text).get("extends")
        file = place / f"{name}.json"
        file.write_text(json.dumps(mutant(descriptor, path)))
        faults = scenarios.check(name, file, program, first=True)
    return faults[0] if faults else None


def sample(count, seed):
    """Some fields of all types, always the same for a seed; 0: all of them."""
    found = list(plans(None, exceptions()))
    return random.Random(seed).sample(found, min(count, len(found))) if count else found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="types; default: all that have facts")
    parser.add_argument("--verbose", action="store_true", help="print each field's fault")
    options = parser.parse_args()
    listed = exceptions()
    names = options.names or None
    unnoticed = 0
    total = 0
    for name, path in plans(names, listed):
        fault = noticed(name, path)
        total += 1
        unnoticed += fault is None
        if fault is None or options.verbose:
            print(f"{name} {written(path)}: {fault or 'NOT NOTICED'}"[:200], flush=True)
    print(f"{total} fields changed, {unnoticed} not noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
