"""The images that the system runs on: small, without tools that only an intruder would use, and started as nobody."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.checkout import EVERY_SERVICE
from tests.e2e.cluster.access import Cluster

SIZES = Path(__file__).parent / "image-sizes.json"
"""By service: what its image adds to Python's, in megabytes, when somebody last looked."""
_GROWTH = 1.05
_MEGABYTE = 1_000_000


def inspect(cluster: Cluster, image: str) -> Any:
    """Return what Docker knows of an image."""
    return json.loads(cluster.run("docker", "image", "inspect", image))[0]


def within(cluster: Cluster, image: str, program: str) -> str:
    """Run a program of Python's in a container as a pod would: nobody, with nothing to write to."""
    words = (
        "docker",
        "run",
        "--rm",
        "--read-only",
        "--network",
        "none",
        "--entrypoint",
        "python",
        image,
        "-c",
        program,
    )
    return cluster.run(*words).strip()


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_image_has_not_grown_unnoticed(cluster: Cluster, service: str) -> None:
    base, image = inspect(cluster, os.environ["PYTHON_IMAGE"]), inspect(cluster, cluster.image(service))
    layers = base["RootFS"]["Layers"]
    assert image["RootFS"]["Layers"][: len(layers)] == layers, "it stands on another Python"
    added = (image["Size"] - base["Size"]) / _MEGABYTE
    known = json.loads(SIZES.read_text())[service]
    assert added <= known * _GROWTH, f"{service} adds {added:.0f} MB, {known} MB before: write it down if it has to be"


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_image_is_run_by_nobody_and_says_what_it_is(cluster: Cluster, service: str) -> None:
    config = inspect(cluster, cluster.image(service))["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.title"] == f"tradewind-{service}"
    assert config["Labels"]["org.opencontainers.image.version"]


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_image_has_neither_installer_nor_compiler(cluster: Cluster, service: str) -> None:
    program = (
        "import importlib.util, shutil\n"
        "print([name for name in ('pip', 'uv') if importlib.util.find_spec(name)])\n"
        "print([name for name in ('cc', 'gcc', 'make', 'pip', 'uv') if shutil.which(name)])\n"
    )
    assert within(cluster, cluster.image(service), program).splitlines() == ["[]", "[]"]
