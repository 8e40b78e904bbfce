"""A page of docs/ as a script: its files and commands, in the order in which a reader meets them.

A block marked `yaml` whose first line is `# NAME.yaml` is a file, a block marked `sh` holds one command
in each line. Sections are named by their headings.
"""

import pathlib
import re

HEADING = re.compile(r"^#+ (.+)$")
FENCE = re.compile(r"^```(\w*)$")


class Guide:
    """A page, with replacements for what a test has in place of the reader's own things."""

    def __init__(self, path, replacements):
        self.sections = {}
        text = pathlib.Path(path).read_text()
        for old, new in replacements.items():
            if old not in text:
                raise ValueError(f"{path} does not say {old!r}")
            text = text.replace(old, new)
        section, kind, lines = None, None, []
        for line in text.splitlines():
            fence = FENCE.match(line)
            if kind is None and fence:
                kind, lines = fence.group(1) or "text", []
            elif kind is not None and line == "```":
                self.sections.setdefault(section, []).append((kind, lines))
                kind = None
            elif kind is not None:
                lines.append(line)
            elif heading := HEADING.match(line):
                section = heading.group(1)

    def blocks(self, section, kind):
        """The blocks of one kind in a section, each a list of lines."""
        found = [lines for name, lines in self.sections[section] if name == kind]
        if not found:
            raise ValueError(f"no block {kind} in {section}")
        return found

    def steps(self, section):
        """Yields ("file", name, text) and ("command", text) of a section."""
        for kind, lines in self.sections[section]:
            if kind == "yaml":
                yield "file", lines[0].removeprefix("# ").strip(), "\n".join(lines) + "\n"
            elif kind == "sh":
                for line in lines:
                    yield "command", line, None


def first_cells(path, heading):
    """The first cell of each row of the table whose first heading is `heading`."""
    cells, inside = [], False
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(f"| {heading} |"):
            inside = True
        elif inside and not line.startswith("|"):
            break
        elif inside and not line.startswith("| ---"):
            cells.append(line.split("|")[1].strip())
    return cells
