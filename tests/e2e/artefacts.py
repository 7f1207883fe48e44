"""What a failed test leaves behind of the cluster: state that is gone by the time somebody asks."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.e2e.checkout import EVERY_SERVICE, REPOSITORY

_NAMESPACES = ("tradewind", "tradewind-data", "istio-system")
_SECONDS = 60
_MOST = 2
"""Failed tests that are recorded in full: the first ones are the cause of the others."""


def selected() -> Path | None:
    """Return the folder of the selected cluster, if there is one."""
    folder = REPOSITORY / ".kind" / os.environ.get("KIND_CLUSTER", "tradewind")
    return folder if "BASE_URL" in os.environ and (folder / "kubeconfig").exists() else None


class Artefacts:
    """Writes the state of a cluster to a folder of its own for each failed test."""

    def __init__(self, cluster: Path) -> None:
        self._kubeconfig = cluster / "kubeconfig"
        self._cluster = cluster.name
        self.folder = cluster / "failures"
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, test: str, report: str) -> Path | None:
        """Keep the report, events, objects, logs and proxies' state; None where that was done often enough."""
        kept = len(list(self.folder.iterdir())) if self.folder.exists() else 0
        if kept >= _MOST:
            return None
        folder = self.folder / re.sub(r"[^\w.-]+", "_", test)[-150:]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.txt").write_text(report)
        for namespace in _NAMESPACES:
            self._namespace(folder, namespace)
        self._write(folder / "nodes.txt", "kubectl", "describe", "nodes")
        for release in (*EVERY_SERVICE, "platform"):
            self._write(folder / f"helm-{release}.txt", "helm", "status", release, "-n", "tradewind")
            self._write(folder / f"helm-{release}.yaml", "helm", "get", "manifest", release, "-n", "tradewind")
        self._run("kind", "export", "logs", str(folder / "nodes"), "--name", self._cluster)
        self._write(folder / "proxies.txt", "istioctl", "proxy-status")
        self._write(folder / "analysis.txt", "istioctl", "analyze", "-n", "tradewind")
        return folder

    def _namespace(self, folder: Path, namespace: str) -> None:
        within = ("-n", namespace)
        self._write(folder / f"{namespace}-pods.txt", "kubectl", *within, "get", "pods", "-o", "wide")
        self._write(
            folder / f"{namespace}-events.txt", "kubectl", *within, "get", "events", "--sort-by", ".lastTimestamp"
        )
        self._write(
            folder / f"{namespace}-description.txt", "kubectl", *within, "describe", "deploy,sts,job,hpa,pdb,pod"
        )
        names = self._run("kubectl", *within, "get", "pods", "-o", "name").stdout.decode().split()
        for name in names:
            file = folder / f"{namespace}-{name.removeprefix('pod/')}"
            logs = ("kubectl", *within, "logs", name, "--all-containers", "--prefix", "--tail", "2000")
            self._write(file.with_suffix(".log"), *logs)
            self._write(file.with_suffix(".previous.log"), *logs, "--previous")

    def _write(self, file: Path, *words: str) -> None:
        done = self._run(*words)
        if done.stdout:
            file.write_bytes(done.stdout)

    def _run(self, *words: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a tool on this cluster; one that is missing or stuck costs its part of the record and no more."""
        context = {"helm": "--kube-context", "kubectl": "--context", "istioctl": "--context"}.get(words[0])
        command = [words[0], *([context, f"kind-{self._cluster}"] if context else []), *words[1:]]
        environment = {**os.environ, "KUBECONFIG": str(self._kubeconfig)}
        try:
            return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return subprocess.CompletedProcess(command, 1, b"", b"")
