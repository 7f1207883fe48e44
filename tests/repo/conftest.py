"""The repository, as the tests of its promises see it."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def services(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("services/*/service.yaml"))


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """What git holds, or would with `git add .`; in an unpacked archive, everything."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := root / name).is_file()]
