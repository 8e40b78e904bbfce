"""The programs of the Kubernetes tests, built once from Go modules into a cache outside the tree.

    kubetools.py            builds what is missing and prints the folder
    kubetools.py --cached   only says whether all is there (exit status 1: no)
    kubetools.py --go       says whether it can build, else what to install (exit status 1)

Each folder of tests/e2e/kubernetes/tools is a Go module that pins its programs with go.mod and
go.sum. What it builds is kept under a name that those files make, so that a changed pin is built
anew. Nothing of Go is needed where the cache is full.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODULES = ROOT / "tests/e2e/kubernetes/tools"
GO_NEEDED = (1, 26)
GO_MISSING = ("Go 1.26 or later is not installed (Debian 12 has 1.19): install golang-1.26 of a later "
              "Debian, or unpack https://go.dev/dl into /usr/local/go")
# Goes up when the way of building changes.
RECIPE = 1
KUBERNETES = "k8s.io/kubernetes/cmd"
HELM = "helm.sh/helm/v3"
# Module -> its programs: file name -> (package, or None for a test binary of the folder).
PROGRAMS = {
    "kubernetes": {name: f"{KUBERNETES}/{name}"
                   for name in ("kube-apiserver", "kube-controller-manager", "kubectl")},
    "etcd": {"etcd": "go.etcd.io/etcd/server/v3"},
    "helm": {"helm": f"{HELM}/cmd/helm"},
    "cert-manager": {"cert-manager": ".", "conformance": None},
}


class ToolsError(Exception):
    """A program is not in the cache and cannot be built; the text says what to do."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "dns01d" / "kubernetes"


def module_folder(module):
    """Where the programs of a module are: named after all that decides what they are."""
    digest = hashlib.sha256(f"{RECIPE} {PROGRAMS[module]}".encode())
    for path in sorted((MODULES / module).iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return cache_folder() / f"{module}-{digest.hexdigest()[:16]}"


def program(name):
    """The path of a program. Raises ToolsError when it was not built."""
    for module, programs in PROGRAMS.items():
        if name in programs:
            path = module_folder(module) / name
            if path.is_file():
                return path
    raise ToolsError(f"{name} is not built: ./dev e2e kubernetes builds it")


def definitions():
    """The folder of cert-manager's CustomResourceDefinitions."""
    return module_folder("cert-manager") / "crds"


def is_complete():
    return all(module_folder(module).is_dir() for module in PROGRAMS)


def find_go():
    """The go command, new enough. Raises ToolsError."""
    path = shutil.which("go", path=f"/usr/local/go/bin:/usr/lib/go-1.26/bin:{os.environ['PATH']}")
    if path is None:
        raise ToolsError(GO_MISSING)
    version = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, check=True,
                             env=dict(os.environ, GOTOOLCHAIN="local")).stdout
    found = re.match(r"go(\d+)\.(\d+)", version)
    if not found or tuple(map(int, found.groups())) < GO_NEEDED:
        raise ToolsError(f"{path} is {version.strip()}; {GO_MISSING}")
    return path


def version_of(go, module, package):
    """MAJOR, MINOR and the whole version of a required module."""
    text = subprocess.run([go, "list", "-m", "-f", "{{.Version}}", package], cwd=MODULES / module,
                          capture_output=True, text=True, check=True).stdout.strip()
    return (*re.match(r"v(\d+)\.(\d+)", text).groups(), text)


def link_flags(go, module):
    """What a release build writes into the programs: clients compare these versions."""
    settings = {}
    if module == "kubernetes":
        major, minor, version = version_of(go, module, "k8s.io/kubernetes")
        base = "k8s.io/component-base/version"
        settings = {f"{base}.gitVersion": version, f"{base}.gitMajor": major,
                    f"{base}.gitMinor": minor}
    elif module == "helm":
        # Helm's minor version of client-go is the Kubernetes version it means.
        _, minor, _ = version_of(go, module, "k8s.io/client-go")
        for place in ("lint/rules", "chartutil"):
            settings[f"{HELM}/pkg/{place}.k8sVersionMajor"] = "1"
            settings[f"{HELM}/pkg/{place}.k8sVersionMinor"] = minor
        settings[f"{HELM}/internal/version.version"] = version_of(go, module, HELM)[2]
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in settings.items())])


def build_module(go, module):
    """Builds into a folder beside the final one, which then appears whole."""
    final = module_folder(module)
    final.parent.mkdir(parents=True, exist_ok=True)
    made = pathlib.Path(tempfile.mkdtemp(prefix=f".{module}-", dir=final.parent))
    environment = dict(os.environ, CGO_ENABLED="0", GOTOOLCHAIN="local",
                       GOFLAGS="-trimpath -buildvcs=false -mod=readonly")
    flags = ["-ldflags", link_flags(go, module)]
    try:
        for name, package in PROGRAMS[module].items():
            print(f"building {name} (once, minutes)", file=sys.stderr, flush=True)
            command = [go, "test", "-c"] if package is None else [go, "build"]
            subprocess.run([*command, *flags, "-o", made / name, package or "."],
                           cwd=MODULES / module, env=environment, check=True)
        if module == "cert-manager":
            source = subprocess.run(
                [go, "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager"],
                cwd=MODULES / module, env=environment, capture_output=True, text=True,
                check=True).stdout.strip()
            shutil.copytree(f"{source}/deploy/crds", made / "crds",
                            copy_function=shutil.copyfile)
        made.chmod(0o755)
        made.rename(final)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def build():
    """Builds what is missing."""
    missing = [module for module in PROGRAMS if not module_folder(module).is_dir()]
    if missing:
        go = find_go()
        for module in missing:
            build_module(go, module)


def main():
    if sys.argv[1:] == ["--cached"]:
        return 0 if is_complete() else 1
    try:
        if sys.argv[1:] == ["--go"]:
            find_go()
            return 0
        build()
    except (ToolsError, subprocess.CalledProcessError) as error:
        print(f"dev: {error}", file=sys.stderr)
        return 1
    print(cache_folder())
    return 0


if __name__ == "__main__":
    sys.exit(main())
