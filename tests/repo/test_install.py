"""What `make run` does before anything runs: a virtual environment, made once, or one clear sentence."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ["bash", "cat", "dirname", "env", "grep", "sha256sum", "tail"]


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A checkout in a folder with a space in its name, as far as the installer reads it."""
    checkout = tmp_path / "a checkout"
    for pattern in ("hack/install.sh", "requirements/*.txt", "services/*/pyproject.toml", "local/pyproject.toml"):
        for path in root.glob(pattern):
            (checkout / path.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, checkout / path.relative_to(root))
    return checkout


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is all there is on PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def install(checkout: Path, programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "hack/install.sh", "run"],
        cwd=checkout,
        env={"PATH": str(programs), "PYTHON_MINIMUM": "3.11", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_old_python_is_one_sentence_that_names_its_version(checkout: Path, programs: Path) -> None:
    program(programs, "python3", 'case "$2" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac')
    installed = install(checkout, programs)
    assert installed.returncode == 1
    assert installed.stderr.count("\n") == 1
    assert "needs Python 3.11 or newer" in installed.stderr
    assert "python3 is 3.9.2" in installed.stderr


def test_newer_python_of_another_name_is_found(checkout: Path, programs: Path) -> None:
    program(programs, "python3", 'case "$2" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac')
    program(programs, "python3.12", 'case "$2" in *platform*) echo 3.12.1 ;; *version_info*) ;; *) exit 1 ;; esac')
    assert "Making .venv with Python 3.12.1" in install(checkout, programs).stderr


def test_no_python_is_one_sentence(checkout: Path, programs: Path) -> None:
    installed = install(checkout, programs)
    assert installed.returncode == 1
    assert installed.stderr.count("\n") == 1


def test_named_python_is_the_only_one_that_is_tried(checkout: Path, programs: Path) -> None:
    (programs / "python3").symlink_to(sys.executable)
    installed = install(checkout, programs, PYTHON="python9")
    assert installed.returncode == 1
    assert "none of python9 is" in installed.stderr


def test_python_without_venv_is_one_sentence(checkout: Path, programs: Path) -> None:
    program(programs, "python3", 'case "$2" in *platform*) echo 3.12.1 ;; *version_info*) ;; *) exit 1 ;; esac')
    installed = install(checkout, programs)
    assert installed.returncode == 1
    assert "python3 cannot make virtual environments" in installed.stderr
    assert not (checkout / ".venv").exists()


# What stands for `.venv/bin/python`: it writes down what it is asked, and does nothing.
PYTHON = """#!{bash}
[ "$1" = -c ] || echo "pip $*" >>"{calls}"
[ "$1" = -c ] || exec "{programs}/pip"
"""
UV = """
echo "uv $*" >>"{calls}"
[ "$1" = venv ] || exit 0
{mkdir} -p .venv/bin
{cp} "{programs}/venv-python" .venv/bin/python
"""


@pytest.fixture
def calls(programs: Path, tmp_path: Path) -> Path:
    """What a uv and a pip are asked to do, neither of which does anything; nothing here reaches a registry."""
    calls = tmp_path / "calls"
    calls.touch()
    words = {name: shutil.which(name) for name in ("bash", "mkdir", "cp")} | {"calls": calls, "programs": programs}
    program(programs, "python3", 'case "$2" in *platform*) echo 3.12.1 ;; esac')
    program(programs, "pip", "exit 1")
    program(programs, "uv", UV.format(**words))
    (programs / "venv-python").write_text(PYTHON.format(**words))
    (programs / "venv-python").chmod(0o755)
    return calls


def test_second_call_does_nothing(checkout: Path, programs: Path, calls: Path) -> None:
    first = install(checkout, programs)
    assert first.returncode == 0, first.stderr
    assert "--require-hashes -r requirements/run.txt" in calls.read_text()
    assert "--no-index --no-build-isolation" in calls.read_text()

    calls.write_text("")
    second = install(checkout, programs)
    assert (second.returncode, second.stderr, calls.read_text()) == (0, "", "")


def test_changed_requirement_is_installed(checkout: Path, programs: Path, calls: Path) -> None:
    install(checkout, programs)
    calls.write_text("")
    with (checkout / "requirements/run.txt").open("a") as requirements:
        requirements.write("# changed\n")
    install(checkout, programs)
    assert "requirements/run.txt" in calls.read_text()
    assert "uv venv" not in calls.read_text()


def test_new_service_is_installed(checkout: Path, programs: Path, calls: Path) -> None:
    install(checkout, programs)
    calls.write_text("")
    shutil.copytree(checkout / "services/customers", checkout / "services/lighthouse")
    install(checkout, programs)
    assert "-e services/lighthouse" in calls.read_text()


def test_moved_checkout_is_installed_anew(checkout: Path, programs: Path, calls: Path) -> None:
    install(checkout, programs)
    calls.write_text("")
    moved = checkout.rename(checkout.with_name("moved"))
    install(moved, programs)
    assert "requirements/run.txt" in calls.read_text()


def test_pip_is_tried_where_uv_fails(checkout: Path, programs: Path, calls: Path) -> None:
    uv = (programs / "uv").read_text()
    (programs / "uv").write_text(uv.replace("|| exit 0", "|| exit 1"))
    program(programs, "pip", "exit 0")
    assert install(checkout, programs).returncode == 0
    assert "pip -m pip install --require-hashes -r requirements/run.txt" in calls.read_text()


def test_failed_installation_is_tried_again(checkout: Path, programs: Path, calls: Path) -> None:
    uv = (programs / "uv").read_text()
    (programs / "uv").write_text(uv.replace("|| exit 0", "|| exit 1"))
    failed = install(checkout, programs)
    assert failed.returncode == 1
    assert "Installing requirements/run.txt failed" in failed.stderr

    (programs / "uv").write_text(uv)
    assert install(checkout, programs).returncode == 0
    assert calls.read_text().splitlines()[-1].startswith("uv pip install --quiet")


def test_make_passes_its_python_on(root: Path) -> None:
    shown = subprocess.run(
        ["make", "run", "PYTHON=python9"],
        cwd=root,
        env={**os.environ, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 2
    assert "none of python9 is" in shown.stderr
