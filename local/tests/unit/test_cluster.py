from pathlib import Path

import pytest

from tradewind.cluster import examine_cluster
from tradewind.findings import Finding

PROGRAMS = ("kind", "kubectl", "helm", "istioctl", "skaffold")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with pins and nothing else."""
    (tmp_path / "versions.env").write_text("KIND_VERSION ?= 0.33.0\nHELM_VERSION ?= 4.2.4\n")
    return tmp_path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def inotify(tmp_path: Path) -> Path:
    folder = tmp_path / "inotify"
    folder.mkdir()
    (folder / "max_user_instances").write_text("512\n")
    (folder / "max_user_watches").write_text("524288\n")
    return folder


def put(folder: Path, name: str, script: str = "") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def sick(root: Path, inotify: Path) -> list[Finding]:
    return [each for each in examine_cluster(root, inotify) if not each.is_well]


def test_machine_with_everything_is_well(root: Path, path: Path, inotify: Path) -> None:
    put(path, "docker", "echo 28.2.2")
    for name in PROGRAMS:
        put(path, name)
    found = list(examine_cluster(root, inotify))
    assert [each for each in found if not each.is_well] == []
    assert found[0].what == "docker 28.2.2, running"


def test_what_is_missing_is_named_with_its_version_and_is_not_serious(root: Path, path: Path, inotify: Path) -> None:
    found = sick(root, inotify)
    assert [each.what.partition(" ")[0] for each in found] == ["docker", *PROGRAMS]
    assert "install 0.33.0" in found[1].mend
    assert not any(each.serious for each in found)


@pytest.mark.parametrize(
    ("script", "mend"),
    [
        ("echo 'permission denied while trying to connect' >&2; exit 1", "usermod -aG docker"),
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", "systemctl start docker"),
    ],
    ids=["forbidden", "stopped"],
)
def test_docker_that_does_not_answer_is_told_from_one_that_refuses(
    root: Path, path: Path, inotify: Path, script: str, mend: str
) -> None:
    put(path, "docker", script)
    assert mend in sick(root, inotify)[0].mend


def test_limit_that_is_too_low_is_told_with_its_cure(root: Path, path: Path, inotify: Path) -> None:
    (inotify / "max_user_instances").write_text("128\n")
    assert "sudo sysctl fs.inotify.max_user_instances=512" in sick(root, inotify)[-1].mend


def test_system_without_inotify_has_nothing_to_raise(root: Path, path: Path, tmp_path: Path) -> None:
    assert not [each for each in examine_cluster(root, tmp_path / "none") if "inotify" in each.what]
