"""docs/clients.md: a table and lines to paste that the end-to-end run itself writes or checks.

With DNS01D_WRITE_DOCS=1 in the environment what the run has seen is written there; without it the
page must say the same.
"""

import os
import pathlib

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "clients.md"
HOW = "DNS01D_WRITE_DOCS=1 with ./dev test --only e2e and ./dev test extra writes it"
HEADER = "| client | version | protocol | mode | result |\n| --- | --- | --- | --- | --- |\n"
KEY_CELLS = (0, 2, 3)


def _parts(start, end):
    text = PAGE.read_text()
    before, rest = text.split(start, 1)
    inside, after = rest.split(end, 1)
    return before + start, inside, end + after


def _settle(parts, expected, what):
    before, inside, after = parts
    if inside == expected:
        return
    assert os.environ.get("DNS01D_WRITE_DOCS") == "1", f"docs/clients.md: {what}; {HOW}"
    PAGE.write_text(before + expected + after)


def _key(row):
    return tuple(row[cell] for cell in KEY_CELLS)


def note(client, version, protocol, mode, result):
    """Says in the table what came of one client in one mode."""
    row = (client, version, protocol, mode, result)
    parts = _parts("<!-- results -->\n", "<!-- end of results -->")
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|"))
            for line in parts[1].removeprefix(HEADER).splitlines()]
    rows = sorted([other for other in rows if _key(other) != _key(row)] + [row])
    table = HEADER + "".join("| " + " | ".join(cells) + " |\n" for cells in rows)
    _settle(parts, table, f"the table does not say {' | '.join(row)}")


def lines(client, text):
    """The code block of a client holds exactly text."""
    start = f"<!-- dns01ctl hook {client} -->\n"
    _settle(_parts(start, "<!-- end -->"), f"```sh\n{text}```\n",
            f"the lines of {client} are not those of dns01ctl hook {client}")
