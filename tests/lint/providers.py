"""docs/providers.md says what the descriptors and the results of their tests say."""

import pathlib
import sys

from tree import Finding

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "providers"))

import table  # noqa: E402

TITLE = "providers: docs/providers.md is current"
PAGE = "docs/providers.md"

SAMPLES = {
    "providers/descriptors/one.json": ('{"schema": 1, "type": "one", "title": "One", '
                                       '"base": "https://one.example", "config": {}}\n', None),
    "tests/providers/results.json": ('{"one": {"L1": {"by": "a test", "version": "1"}}}\n', None),
    PAGE: ("# Providers\n", 1),
}


def check(tree):
    if not any(path.startswith("providers/descriptors/") for path in tree.paths):
        return
    page = tree.text(PAGE) if PAGE in tree.paths else ""
    if page != table.text(pathlib.Path(tree.root)):
        yield Finding(PAGE, 1, "not what tests/providers/table.py makes: "
                      "DNS01D_WRITE_DOCS=1 ./dev test --only providers, or table.py --write")
