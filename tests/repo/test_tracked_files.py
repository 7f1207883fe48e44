"""What git holds names no registry, no lock file that records one, and no single machine."""

import re
from pathlib import Path

import pytest

LOCK_FILES = re.compile(r"(uv|poetry|pdm)\.lock|Pipfile\.lock|pylock.*\.toml|package-lock\.json|yarn\.lock")
INDEX = re.compile(rb"--(?:extra-)?index-url|^(?:index-url|registry) *=", re.MULTILINE)
REGISTRY = re.compile(
    rb"https?://[^\s\"')]*(?:/simple(?:/|\b)|/packages/[0-9a-f]{2}/|/@v/)|\b(?:py)(?:pi\.org|thonhosted\.)"
)
SMALL_KIB = 512


def named(pattern: re.Pattern[bytes], tracked: list[Path], root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in tracked if pattern.search(path.read_bytes())]


def test_no_tracked_file_names_a_registry(tracked: list[Path], root: Path) -> None:
    assert named(INDEX, tracked, root) == []
    assert named(REGISTRY, tracked, root) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (INDEX, b"pip install --%s x" % b"index-url"),
        (INDEX, b"[pip]\n%s = x" % b"index-url"),
        (REGISTRY, b"see https://registry.example/%s/fastapi" % b"simple"),
        (REGISTRY, b"https://files.example/%s/ab/x.whl" % b"packages"),
    ],
    ids=["option", "configuration", "index", "file"],
)
def test_named_registry_is_found(pattern: re.Pattern[bytes], text: bytes) -> None:
    assert pattern.search(text)


def test_no_lock_file_and_no_secret_is_tracked(tracked: list[Path]) -> None:
    assert [path.name for path in tracked if LOCK_FILES.fullmatch(path.name) or path.name == ".env"] == []


def test_no_tracked_file_names_this_checkout(tracked: list[Path], root: Path) -> None:
    here = re.compile(re.escape(f"{root}/".encode()))
    assert named(here, tracked, root) == []


def test_tracked_files_are_small(tracked: list[Path]) -> None:
    assert [path.name for path in tracked if path.stat().st_size > SMALL_KIB * 1024] == []
