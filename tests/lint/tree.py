"""The files a lint run looks at, and what a check hands back."""

import dataclasses
import functools
import os
import pathlib
import subprocess

SKIPPED_FOLDERS = {".git", "build", "test-results", "bench-results", "__pycache__", "node_modules"}


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """One fault. `subject` names it in exceptions.py where a line number would go stale."""

    path: str
    line: int
    what: str
    subject: str = ""

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


class Tree:
    """Files below a root, by path relative to it. `build` is the build folder, or None."""

    def __init__(self, root, build=None):
        self.root = pathlib.Path(root)
        self.build = pathlib.Path(build) if build else None

    @functools.cached_property
    def paths(self):
        """Tracked and new files; where there is no git repository, all but build output."""
        try:
            listed = subprocess.run(
                ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard"],
                cwd=self.root, check=True, capture_output=True).stdout
            names = [name.decode() for name in listed.split(b"\0") if name]
        except (OSError, subprocess.CalledProcessError):
            names = list(self._walk())
        return sorted(name for name in names if (self.root / name).is_file())

    def _walk(self):
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders
                          if name not in SKIPPED_FOLDERS and not name.startswith("build-")]
            for name in files:
                yield str((pathlib.Path(folder) / name).relative_to(self.root))

    def named(self, *endings):
        """Paths that end in one of endings."""
        return [path for path in self.paths if path.endswith(endings)]

    def sources(self):
        """C files of ours."""
        return self.named(".c", ".h")

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def lines(self, path):
        """(number, text) of each line, from 1."""
        return enumerate(self.text(path).splitlines(), 1)

    @functools.lru_cache(maxsize=None)
    def code(self, path):
        """The text of a C file with comments and the inside of literals blanked, lines kept."""
        return blank_comments(self.text(path))

    def code_lines(self, path):
        return enumerate(self.code(path).splitlines(), 1)


def blank_comments(text):
    """Replaces comments and the contents of string and character literals by blanks."""
    out = []
    i = 0
    while i < len(text):
        two = text[i:i + 2]
        if two == "/*":
            end = text.find("*/", i + 2)
            end = len(text) if end < 0 else end + 2
        elif two == "//":
            end = text.find("\n", i)
            end = len(text) if end < 0 else end
        elif text[i] == '"' or text[i] == "'":
            end = literal_end(text, i)
            out.append(text[i] + blanks(text[i + 1:end - 1]) + text[end - 1:end])
            i = end
            continue
        else:
            out.append(text[i])
            i += 1
            continue
        out.append(blanks(text[i:end]))
        i = end
    return "".join(out)


def blanks(text):
    return "".join("\n" if c == "\n" else " " for c in text)


def literal_end(text, start):
    """Index after the literal that opens at start; a line end closes a broken one."""
    i = start + 1
    while i < len(text) and text[i] != text[start] and text[i] != "\n":
        i += 2 if text[i] == "\\" else 1
    return min(i + 1, len(text))
