"""Programs that the extra tests talk to and that Debian does not have: built once, from pinned
sources, into a folder outside the tree.

The folder is $DNS01D_EXTRA_CACHE, else dns01d/extra below $XDG_CACHE_HOME or ~/.cache. What a
program is made from stands in tests/extra/NAME: go.mod and go.sum, package.json and
package-lock.json, or requirements.txt; a change there makes a new one. Called as a program it builds what is missing;
tests only find what is there. DNS01D_EXTRA_BUILD_SECONDS: how long all builds may take together (an
hour); what was compiled until then is kept for the next time. DNS01D_EXTRA_NAME (ACME_DNS, CADDY,
LEGO, ACME_CLIENT, MOTO): one that is there already, used as it is.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

from kubetools import ToolsError, find_go  # pylint: disable=wrong-import-position

BUILD_SECONDS = int(os.environ.get("DNS01D_EXTRA_BUILD_SECONDS", "3600"))
DEADLINE = time.monotonic() + BUILD_SECONDS


class Unavailable(Exception):
    """Why a program cannot be had here, and what would help."""


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("DNS01D_EXTRA_CACHE") or pathlib.Path(base, "dns01d/extra"))


def _run(command, folder, environment, what):
    """Returns (whether it succeeded, the end of what it wrote)."""
    try:
        done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=max(1.0, DEADLINE - time.monotonic()), check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{what} was not done after {BUILD_SECONDS} s of building; run "
                          "./dev test extra without DNS01D_EXTRA_BUILD_SECONDS once") from None
    return done.returncode == 0, "\n".join(done.stdout.strip().splitlines()[-15:])


class Source:
    """One folder of pinned sources, and the program made from it."""

    def __init__(self, name):
        self.name = name
        self.folder = HERE / name

    def sources(self):
        raise NotImplementedError

    def build(self, place):
        """Makes it at place, or raises Unavailable."""
        raise NotImplementedError

    @property
    def place(self):
        digest = hashlib.sha256()
        for path in self.sources():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return cache() / "built" / f"{self.name}-{digest.hexdigest()[:16]}"

    @property
    def given(self):
        """One made elsewhere: $DNS01D_EXTRA_ACME_DNS for acme-dns, and so on."""
        path = os.environ.get(f"DNS01D_EXTRA_{self.name.upper().replace('-', '_')}")
        return pathlib.Path(path) if path else None

    @property
    def _reason(self):
        """The file that says why it could not be built."""
        return self.place.with_name(self.place.name + ".why")

    def find(self):
        """Its place; raises Unavailable where it was not built."""
        place = self.given or self.place
        if place.exists():
            return place
        with contextlib.suppress(OSError):
            raise Unavailable(self._reason.read_text())
        raise Unavailable(f"{self.name} is not built: run ./dev test extra")

    def make(self):
        """Builds it where it is not there yet. Raises Unavailable, and lets find say the same."""
        if self.given:
            return
        try:
            self._make()
        except Unavailable as why:
            self._reason.write_text(str(why))
            raise
        self._reason.unlink(missing_ok=True)

    def _make(self):
        place = self.place
        place.parent.mkdir(parents=True, exist_ok=True)
        with (cache() / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.exists():
                print(f"dev: building {self.name} into {cache()}", file=sys.stderr, flush=True)
                fresh = place.with_name(place.name + ".new")
                shutil.rmtree(fresh, ignore_errors=True)
                self.build(fresh)
                fresh.rename(place)


class GoProgram(Source):
    """package: what to build, in terms of its go.mod."""

    def __init__(self, name, package="."):
        super().__init__(name)
        self.package = package

    def sources(self):
        return [self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go"))]

    def build(self, place):
        try:
            go = find_go()
        except ToolsError as why:
            raise Unavailable(f"{self.name}: {why}") from None
        # One folder for all modules: Go's own caches, which the next version of a program uses too.
        environment = dict(os.environ, GOMODCACHE=str(cache() / "go-mod"), GOWORK="off",
                           GOCACHE=str(cache() / "go-build"), GOTOOLCHAIN="local",
                           GOFLAGS="-mod=readonly -modcacherw -buildvcs=false")
        # Not `mod download`, which takes modules that only other packages of a module need.
        fetched, text = _run([go, "list", "-deps", self.package], self.folder, environment,
                             f"the download of {self.name}")
        if not fetched:
            raise Unavailable(f"{self.name} could not be downloaded: {text}")
        built, text = _run([go, "build", "-trimpath", "-ldflags=-s -w", "-o", place, self.package],
                           self.folder, environment, f"the build of {self.name}")
        if not built:
            raise RuntimeError(f"{self.name} does not build: {text}")

    def version(self, module):
        """The version that go.mod pins."""
        text = (self.folder / "go.mod").read_text()
        return re.search(rf"^(?:require )?\s*{re.escape(module)} v(\S+)", text, re.MULTILINE)[1]


class NodePackage(Source):
    """The place is a folder with node_modules in it."""

    def sources(self):
        return [self.folder / "package.json", self.folder / "package-lock.json"]

    @staticmethod
    def node():
        for name in ("node", "npm"):
            if shutil.which(name) is None:
                raise Unavailable(f"needs {name} in PATH: install Node.js 20 or later with npm")
        return shutil.which("node")

    def build(self, place):
        self.node()
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, place, ignore_errors=True)
            place.mkdir()
            for path in self.sources():
                shutil.copy(path, place)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache",
                       cache() / "npm"]
            done, text = _run(command, place, dict(os.environ), f"npm ci of {self.name}")
            if not done:
                raise Unavailable(f"{self.name} could not be installed: {text}")
            cleanup.pop_all()

    def version(self, package):
        text = (self.folder / "package-lock.json").read_text()
        return re.search(rf'"node_modules/{package}": {{\s*"version": "([^"]+)"', text)[1]


class PythonPackages(Source):
    """The place is a folder for PYTHONPATH; requirements.txt names every package of it."""

    def sources(self):
        return [self.folder / "requirements.txt"]

    def build(self, place):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                   "--disable-pip-version-check", "--target", place, "-r",
                   self.folder / "requirements.txt"]
        done, text = _run(command, place.parent, dict(os.environ), f"pip install of {self.name}")
        if not done:
            shutil.rmtree(place, ignore_errors=True)
            raise Unavailable(f"{self.name} could not be installed: {text}")


LEGO = GoProgram("lego")
CADDY = GoProgram("caddy")
ACME_DNS = GoProgram("acme-dns", "github.com/joohoi/acme-dns")
ACME_CLIENT = NodePackage("acme-client")
MOTO = PythonPackages("moto")
EVERY = (ACME_CLIENT, LEGO, ACME_DNS, CADDY, MOTO)


def main():
    """What cannot be had is said here, and its tests are skipped with the same words."""
    status = 0
    for source in EVERY:
        try:
            source.make()
        except Unavailable as why:
            print(f"dev: skipped: {why}", file=sys.stderr)
        except RuntimeError as why:
            print(f"dev: {why}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
