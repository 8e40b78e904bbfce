"""docs/providers.md: which types of provider there are, and what has been shown of each.

`table.py` prints it, `table.py --write` writes it. It is made of providers/descriptors/ and of
results.json: type -> {"L1": {"by": ..., "version": ...}, "L2": ..., "L3": ...}. L1 is noted by
`DNS01D_WRITE_DOCS=1 ./dev test --only providers`; L2 and L3 are noted by hand, with the test that
shows them. A type that is code has "title" and "settings" there, too.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DESCRIPTORS = ROOT / "providers/descriptors"
RESULTS = pathlib.Path(__file__).with_name("results.json")
DOC = ROOT / "docs/providers.md"
LEVELS = ("L3", "L2", "L1")

HEAD = """# Providers

<!-- Made by tests/providers/table.py of providers/descriptors/ and tests/providers/results.json:
     DNS01D_WRITE_DOCS=1 ./dev test --only providers -->

`type` is what an account's `type:` says. Each type takes its own settings (those in brackets need not
be set), and `base-url`, `ttl`, `ca-file`, `allow-networks`; a secret one may be given as `NAME-file`.

What has been shown of each type, and by what:

- **L1**: present, repetition, a second value, cleanup, cleanup again, restarts in between, rate limits,
  server errors, lost replies and refusals, against a synthetic server that is written from the
  vendor's facts (tests/providers/). Values of others and other types at the name survive.
- **L2**: the vendor's own API description, an emulator, or an independent client agree.
- **L3**: a real server of that kind.
- **-**: none of this yet: not supported.

"Version" is the version of dns01d with which that was last shown.

"""


def version():
    return re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)


def results(root=ROOT):
    path = root / "tests/providers/results.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def note_l1(outcomes):
    """Type -> whether it passed. Others stay as they are."""
    noted = results()
    for name, passed in outcomes.items():
        entry = noted.setdefault(name, {})
        entry.pop("L1", None)
        if passed:
            entry["L1"] = {"by": "synthetic server", "version": version()}
    lines = [f"  {json.dumps(name)}: {json.dumps(noted[name])}" for name in sorted(noted)
             if noted[name]]
    RESULTS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def merged(name, folder=DESCRIPTORS):
    """A descriptor with those that it extends below it (RFC 7396)."""
    own = json.loads((folder / f"{name}.json").read_text())
    return patch(merged(own["extends"], folder), own) if "extends" in own else own


def patch(target, change):
    if not isinstance(change, dict):
        return change
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patch(result.get(key), value)
    return result


def settings(descriptor):
    """As people write them, optional ones in brackets."""
    names = []
    for key, entry in descriptor.get("config", {}).items():
        name = f"`{key.replace('_', '-')}`"
        if key != "base_url" or not entry.get("optional"):
            names.append(f"[{name}]" if entry.get("optional") or "default" in entry else name)
    if "base" not in descriptor and "base_url" not in descriptor.get("config", {}):
        names.insert(0, "`base-url`")
    return " ".join(names)


def rows(root):
    noted = results(root)
    folder = root / "providers/descriptors"
    types = {path.stem: merged(path.stem, folder) for path in folder.glob("*.json")}
    for name in sorted({*types, *(name for name in noted if "title" in noted[name])}):
        entry = noted.get(name, {})
        level = next((one for one in LEVELS if one in entry), "-")
        title = types[name]["title"] if name in types else entry["title"]
        taken = settings(types[name]) if name in types else entry["settings"]
        shown = entry.get(level, {})
        by = "; ".join(f"{one}: {entry[one]['by']}" for one in LEVELS if one in entry)
        yield f"| {name} | {title} | {taken} | {level} | {by} | {shown.get('version', '')} |"


def text(root=ROOT):
    lines = list(rows(root))
    counts = {level: sum(f" | {level} | " in line for line in lines) for level in (*LEVELS, "-")}
    summary = ", ".join(f"{counts[level]} at {level}" for level in LEVELS if counts[level])
    return (HEAD + f"{len(lines)} types: {summary or 'none shown'}.\n\n"
            "| type | service | settings | level | by | version |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(lines) + "\n")


def write_doc():
    DOC.write_text(text())


if __name__ == "__main__":
    if "--write" in sys.argv:
        write_doc()
    else:
        sys.stdout.write(text())
