"""The Helm chart as `helm lint --strict` sees it, where helm is: in PATH, or built by ./dev e2e
kubernetes."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tree import Finding

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

import kubetools  # noqa: E402

TITLE = "chart: helm lint"
WHERE = re.compile(r"\((?:[^/()]+)/(templates/[^:()]+):(\d+)")


def find_helm():
    """The program, or None."""
    try:
        return str(kubetools.program("helm"))
    except kubetools.ToolsError:
        return shutil.which("helm")


_GOOD = "apiVersion: v2\nname: good\nversion: 0.1.0\n"
_OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  a: {{ .Values.%s }}\n"
SAMPLES = {
    "charts/good/Chart.yaml": (_GOOD, None),
    "charts/good/values.yaml": ("there: b\n", None),
    "charts/good/templates/one.yaml": (_OBJECT % "there", None),
    "charts/bad/Chart.yaml": (_GOOD.replace("good", "bad"), None),
    "charts/bad/values.yaml": ("there: b\n", None),
    "charts/bad/templates/one.yaml": (_OBJECT % "there | nosuch", 6),
    "charts/wrong/Chart.yaml": (_GOOD.replace("good", "wrong"), 1),
    "charts/wrong/values.yaml": ("there: b\n", None),
    "charts/wrong/values.schema.json": ('{"properties": {"there": {"type": "integer"}}}\n', None),
    "charts/wrong/templates/one.yaml": (_OBJECT % "there", None),
} if find_helm() else {}


def unavailable(_tree):
    return None if find_helm() else "helm is not installed"


def check(tree):
    helm = find_helm()
    for path in tree.named("Chart.yaml") if helm else ():
        chart = pathlib.PurePosixPath(path).parent
        with tempfile.TemporaryDirectory(prefix="dns01d-helm-") as home:
            done = subprocess.run([helm, "lint", "--strict", "--quiet", tree.root / chart],
                                  capture_output=True, text=True, check=False,
                                  env={"PATH": "/usr/bin:/bin", "HOME": home})
        if done.returncode != 0:
            text = re.sub(r"\s+", " ", done.stdout + done.stderr)
            found = WHERE.search(text)
            file, line = (found.group(1), int(found.group(2))) if found else ("Chart.yaml", 1)
            yield Finding(str(chart / file), line, text.strip()[:300])
