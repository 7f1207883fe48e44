"""The hashed requirements are what the pyprojects ask for."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def pins(root: Path, tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "hack/pins.py"), "--root", str(tree)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of everything that pins."""
    shutil.copytree(root / "requirements", tmp_path / "requirements")
    for path in [*root.glob("pyproject.toml"), *root.glob("*/pyproject.toml"), *root.glob("services/*/*.*")]:
        if path.name in ("pyproject.toml", "service.yaml"):
            (tmp_path / path.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / path.relative_to(root))
    return tmp_path


def test_requirements_are_compiled_from_the_pyprojects(root: Path) -> None:
    checked = pins(root, root)
    assert checked.returncode == 0, checked.stderr


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(tree: Path) -> None:
        text = (tree / path).read_text()
        assert old in text
        (tree / path).write_text(text.replace(old, new, 1))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            replace("services/chassis/pyproject.toml", "fastapi==", "fastapi==0.1"),
            "requirements/auth.txt has fastapi",
        ),
        (replace("services/auth/pyproject.toml", "pwdlib[argon2]==", "pwdlib[argon2]>="), "is not an exact pin"),
        (replace("services/auth/pyproject.toml", '"pwdlib', '"fastapi==0.1", "pwdlib'), "wants fastapi==0.1"),
        (replace("requirements/run.txt", "\nfastapi==", "\nfastapi==0.1"), "requirements/run.txt has fastapi 0.1"),
        (
            replace("requirements/run.txt", "\npyyaml==", "\nsomething-else==1 \\\n    --hash=sha256:00\npyyaml=="),
            "something-else",
        ),
        (lambda tree: (tree / "requirements/auth.txt").unlink(), "requirements/auth.txt is missing"),
        (lambda tree: shutil.copy(tree / "requirements/auth.txt", tree / "requirements/old.txt"), "belongs to nothing"),
    ],
    ids=["newer pin", "loose pin", "two pins", "other version", "stray", "missing file", "extra file"],
)
def test_requirement_that_does_not_fit_is_named(
    root: Path, copy: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(copy)
    checked = pins(root, copy)
    assert sentence in checked.stderr
    assert checked.returncode == 1


def test_pin_without_a_hash_is_refused(root: Path, copy: Path) -> None:
    path = copy / "requirements/run.txt"
    path.write_text(path.read_text() + "unseen==1.0\n")
    checked = pins(root, copy)
    assert checked.returncode == 1
    assert "unseen==1.0 is not a hashed pin" in checked.stderr
