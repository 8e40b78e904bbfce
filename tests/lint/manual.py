"""The manual names every setting the program prints and every metric the sources declare."""

import re
import subprocess

from tree import Finding

TITLE = "manual: settings and metrics"
SETTINGS_PAGE = "docs/man/dns01d.conf.5.scd"
METRICS_PAGE = "docs/man/dns01d.8.scd"
KEY = re.compile(r"(?:^|[\s{,\-])([a-z][a-z0-9]*(?:-[a-z0-9]+)*):(?=\s|$)")
METRIC = re.compile(r'"(dns01d_[a-z0-9_]+)["{]')

SAMPLES = {
    "build/dns01d": ("#!/bin/sh\necho 'dns: {listen: [\"127.0.0.1:53\"], lost-setting: 1}  # no: key'\n"
                     "echo '  # listen: []  # seen: not'\n", None),
    SETTINGS_PAGE: ("*dns*: *listen*\n", 1),
    METRICS_PAGE: ("*dns01d_known_total*\n", None),
    "dnsd/metric.c": ('const char *a = "dns01d_known_total";\nconst char *b = "dns01d_lost_total";\n',
                      2),
}


def unavailable(tree):
    """Why nothing can be checked, or None."""
    if tree.build is None or not (tree.build / "dns01d").is_file():
        return "dns01d is not built"
    return None


def check(tree):
    yield from check_settings(tree)
    yield from check_metrics(tree)


def check_settings(tree):
    done = subprocess.run([tree.build / "dns01d", "--print-defaults"], capture_output=True,
                          text=True, timeout=30)
    settings = sorted({key for line in done.stdout.splitlines() for key in keys_of(line)})
    if done.returncode != 0 or not settings:
        yield Finding(SETTINGS_PAGE, 1, f"dns01d --print-defaults failed ({done.returncode})")
        return
    page = manual(tree, SETTINGS_PAGE)
    for name in settings:
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page):
            yield Finding(SETTINGS_PAGE, 1, f"setting {name} is not in the manual", name)


def keys_of(line):
    """The keys of one line; items of empty lists are shown as comments of their own."""
    return KEY.findall(re.sub(r"^\s*# ", "", line).split("  #")[0])


def check_metrics(tree):
    page = manual(tree, METRICS_PAGE)
    for path in tree.sources():
        if path.startswith("tests/"):
            continue
        for number, line in tree.lines(path):
            for name in METRIC.findall(line):
                if not re.search(rf"(?<!\w){name}(?!\w)", page):
                    yield Finding(path, number, f"metric {name} is not in {METRICS_PAGE}", name)


def manual(tree, path):
    """The page's text without scdoc's escapes; empty when there is no page."""
    return tree.text(path).replace("\\", "") if path in tree.paths else ""
