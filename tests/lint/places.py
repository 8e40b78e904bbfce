"""Nothing tracked names the paths of one machine, or the hosts of package registries."""

import re

from tree import Finding

TITLE = "places: no machine paths, no registry hosts"
# Character classes keep the patterns from finding themselves.
PATHS = re.compile(r"(?<![\w.~])/(?:wor[k]|roo[t]|hom[e])/|/tm[p]/wt\b")
HOSTS = re.compile(
    r"\b(?:registry\.npmjs\.or[g]|pypi\.or[g]|files\.pythonhosted\.or[g]|proxy\.golang\.or[g]"
    r"|deb\.debian\.or[g]|snapshot\.debian\.or[g]|index\.crates\.i[o]|archive\.ubuntu\.co[m])")

SAMPLES = {
    "docs/path.md": ("good\nsee /wor" "k/main\n", 2),
    "docs/home.md": ("see /hom" "e/someone\n", 1),
    "docs/host.md": ("from pypi.or" "g\n", 1),
    "docs/good.md": ("framework/root/home and ./work/ and https://dns01d.dev/work\n", None),
}


def check(tree):
    for path in tree.paths:
        for number, line in tree.lines(path):
            for pattern, what in ((PATHS, "path of one machine"), (HOSTS, "host of a registry")):
                found = pattern.search(line)
                if found:
                    yield Finding(path, number, f"{what}: {found.group()}")
