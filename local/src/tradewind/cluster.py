"""What a local Kubernetes cluster needs of this machine, for ``doctor``. Nothing else in this package needs it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tradewind.findings import Finding

_PATIENCE_SECONDS = 10
_INOTIFY = Path("/proc/sys/fs/inotify")
_LIMITS = {"max_user_instances": 512, "max_user_watches": 524_288}
"""What kind asks for with several nodes: https://kind.sigs.k8s.io/docs/user/known-issues#pod-errors-due-to-too-many-open-files."""


@dataclass(frozen=True, slots=True)
class _Program:
    """A program on PATH; ``purpose`` is the beginning of a sentence, ``pin`` names its version in versions.env."""

    name: str
    purpose: str
    pin: str
    source: str


_PROGRAMS = (
    _Program("kind", "It makes the local cluster", "KIND_VERSION", "https://kind.sigs.k8s.io"),
    _Program("kubectl", "It talks to clusters", "KUBERNETES_VERSION", "https://kubernetes.io/docs/tasks/tools"),
    _Program("helm", "It installs the charts", "HELM_VERSION", "https://helm.sh/docs/intro/install"),
    _Program("istioctl", "It installs the mesh (MESH=none does without)", "ISTIO_VERSION", "https://istio.io"),
    _Program("skaffold", "Only `skaffold dev` and `run` need it", "SKAFFOLD_VERSION", "https://skaffold.dev"),
)


def examine_cluster(root: Path, inotify: Path = _INOTIFY) -> Iterator[Finding]:
    """Yield what a cluster would find here; none of it is serious, as `make run` needs none of it."""
    yield _docker()
    pins = _pins(root / "versions.env")
    for program in _PROGRAMS:
        yield _program(program, pins.get(program.pin, "a current version"))
    yield from _limits(inotify)


def _pins(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    return dict(re.findall(r"^(\w+) \?= (.+)$", path.read_text(), re.MULTILINE))


def _docker() -> Finding:
    if shutil.which("docker") is None:
        mend = "Images and the local cluster need it: install it, https://docs.docker.com/engine/install."
        return Finding("docker (missing)", mend, serious=False)
    try:
        asked = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],  # noqa: S607 - whichever is on PATH
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding("docker", f"It does not answer within {_PATIENCE_SECONDS} s: restart it.", serious=False)
    if asked.returncode == 0:
        return Finding(f"docker {asked.stdout.strip()}, running")
    if "permission denied" in asked.stderr.lower():
        mend = "You may not use it: sudo usermod -aG docker $USER, then log in again."
        return Finding("docker", mend, serious=False)
    return Finding("docker", "It is installed and does not run: sudo systemctl start docker", serious=False)


def _program(program: _Program, version: str) -> Finding:
    if found := shutil.which(program.name):
        return Finding(f"{program.name} ({found})")
    mend = f"{program.purpose}: install {version}, {program.source}."
    return Finding(f"{program.name} (missing)", mend, serious=False)


def _limits(folder: Path) -> Iterator[Finding]:
    """Compare the kernel's limits on watched files, of which every node takes its share; other systems have none."""
    for name, wanted in _LIMITS.items():
        path = folder / name
        if not path.exists():
            continue
        value = int(path.read_text())
        mend = f"Too few for three nodes, whose pods then die of it: sudo sysctl fs.inotify.{name}={wanted}"
        yield Finding(f"fs.inotify.{name} = {value}", mend if value < wanted else "", serious=False)
