"""Shapes: JSON (or text) with variables, read in both directions.

match(shape, given) takes what a client sent apart, fill(shape, variables) writes a reply.

    "{zone}"         a text; "{ttl#int}" a JSON number; "{fqdn.}" and "{name@}" are names of their own
    {"a": 1, "b?": "{b}"}   exactly these members, b may be absent (never written in replies)
    each("records", S)      a list, S for each element; `keyed` for an object of them
    either(S, T)            one of them (the first is written)
    ANY                     anything
"""

import dataclasses
import json
import re

VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*[.@]?)(#int|#bool|#json)?\}")
KINDS = {"#int": int, "#bool": bool}


class Mismatch(Exception):
    """What was given is not of this shape."""


@dataclasses.dataclass
class Each:
    name: str
    shape: object
    key: str = None  # Not None: an object, and the shape of its keys.
    least: int = 0


@dataclasses.dataclass
class Either:
    shapes: tuple


@dataclasses.dataclass
class AsJson:
    """JSON inside a text: in a query, a form, a header."""

    shape: object


class Any:
    """Anything."""


ANY = Any()


def as_json(shape):
    return AsJson(shape)


def each(name, shape, least=0):
    return Each(name, shape, least=least)


def keyed(name, key, shape):
    return Each(name, shape, key)


def either(*shapes):
    return Either(shapes)


def match(shape, given, found=None, where="body"):
    """Returns the variables' values; raises Mismatch."""
    found = {} if found is None else found
    if isinstance(shape, Any):
        return found
    if isinstance(shape, Either):
        return match_either(shape, given, found, where)
    if isinstance(shape, Each):
        return match_each(shape, given, found, where)
    if isinstance(shape, AsJson):
        try:
            return match(shape.shape, json.loads(given), found, where)
        except (TypeError, ValueError):
            raise Mismatch(f"{where}: expected JSON, got {given!r}") from None
    if isinstance(shape, dict):
        return match_object(shape, given, found, where)
    if isinstance(shape, list):
        if not isinstance(given, list) or len(given) != len(shape):
            raise Mismatch(f"{where}: expected a list of {len(shape)}")
        for index, (part, value) in enumerate(zip(shape, given)):
            match(part, value, found, f"{where}/{index}")
        return found
    if isinstance(shape, str):
        return match_text(shape, given, found, where)
    if type(shape) is not type(given) or shape != given:
        raise Mismatch(f"{where}: expected {shape!r}, got {given!r}")
    return found


def match_either(shape, given, found, where):
    faults = []
    for one in shape.shapes:
        try:
            trial = match(one, given, dict(found), where)
        except Mismatch as fault:
            faults.append(str(fault))
            continue
        found.update(trial)
        return found
    raise Mismatch(" and ".join(faults))


def match_each(shape, given, found, where):
    if shape.key is not None:
        if not isinstance(given, dict):
            raise Mismatch(f"{where}: expected an object")
        given = list(given.items())
    elif not isinstance(given, list):
        raise Mismatch(f"{where}: expected a list")
    if len(given) < shape.least:
        raise Mismatch(f"{where}: expected at least {shape.least} elements")
    items = found.setdefault(shape.name, [])
    for index, value in enumerate(given):
        item = {}
        if shape.key is not None:
            match(shape.key, value[0], item, f"{where}/{index}")
            value = value[1]
        items.append(match(shape.shape, value, item, f"{where}/{index}"))
    return found


def match_object(shape, given, found, where):
    if not isinstance(given, dict):
        raise Mismatch(f"{where}: expected an object, got {given!r}")
    known = {}
    for key, part in shape.items():
        name = key.removesuffix("?")
        if VARIABLE.search(name):
            actual = next((one for one in given if one not in shape and fits(name, one, found)),
                          None)
            if actual is None:
                raise Mismatch(f"{where}: expected a member {name}")
            match(name, actual, found, where)
            name = actual
        known[name] = part
        if name in given:
            match(part, given[name], found, f"{where}/{name}")
        elif not key.endswith("?"):
            raise Mismatch(f"{where}: {name} is missing")
    for name in given:
        if name not in known:
            raise Mismatch(f"{where}: {name} is unknown")
    return found


def fits(shape, given, found):
    try:
        match(shape, given, dict(found))
    except Mismatch:
        return False
    return True


def match_text(shape, given, found, where):
    whole = VARIABLE.fullmatch(shape)
    if whole and whole.group(2):
        kind = KINDS.get(whole.group(2), object)
        if kind is not object and type(given) is not kind:
            raise Mismatch(f"{where}: expected {kind.__name__}, got {given!r}")
        return keep(found, whole.group(1), given, where)
    if not isinstance(given, str):
        raise Mismatch(f"{where}: expected text {shape!r}, got {given!r}")
    fitting = regex(shape).fullmatch(given)
    if fitting is None:
        raise Mismatch(f"{where}: expected {shape!r}, got {given!r}")
    for variable, text in zip(VARIABLE.finditer(shape), fitting.groups()):
        value = text
        if variable.group(2) == "#int":
            if not re.fullmatch(r"-?\d+", text):
                raise Mismatch(f"{where}: expected a number, got {text!r}")
            value = int(text)
        keep(found, variable.group(1), value, where)
    return found


def regex(shape):
    parts = []
    last = 0
    for variable in VARIABLE.finditer(shape):
        parts += [re.escape(shape[last:variable.start()]), "(.*)"]
        last = variable.end()
    return re.compile("".join(parts) + re.escape(shape[last:]), re.DOTALL)


def keep(found, name, value, where):
    if name in found and str(found[name]) != str(value):
        raise Mismatch(f"{where}: {name} is {value!r} here and {found[name]!r} elsewhere")
    found[name] = value
    return found


def match_path(shape, path, found):
    """Segment by segment, decoded; `path` is a list of decoded segments."""
    wanted = shape.split("/")
    if len(wanted) != len(path):
        raise Mismatch("path: other segments")
    for part, given in zip(wanted, path):
        if given == "" and part != "":
            raise Mismatch("path: an empty segment")
        match_text(part, given, found, "path")
    return found


def fill(shape, variables):
    if isinstance(shape, AsJson):
        return json.dumps(fill(shape.shape, variables))
    if isinstance(shape, Either):
        return fill(shape.shapes[0], variables)
    if isinstance(shape, Each):
        items = variables[shape.name]
        if shape.key is not None:
            return {fill(shape.key, {**variables, **item}):
                    fill(shape.shape, {**variables, **item}) for item in items}
        return [fill(shape.shape, {**variables, **item}) for item in items]
    if isinstance(shape, dict):
        return {fill(key, variables): fill(part, variables) for key, part in shape.items()
                if not key.endswith("?")}
    if isinstance(shape, list):
        return [fill(part, variables) for part in shape]
    if not isinstance(shape, str):
        return shape
    whole = VARIABLE.fullmatch(shape)
    if whole and whole.group(2):
        value = variables[whole.group(1)]
        return value if whole.group(2) == "#json" else KINDS[whole.group(2)](value)
    return VARIABLE.sub(lambda variable: str(variables[variable.group(1)]), shape)
