"""versions.env is where pins are; the few places that repeat one repeat the same."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

PIN = re.compile(r"^(\w+) \?= (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    return dict(PIN.findall((root / "versions.env").read_text()))


def test_every_line_is_a_pin_that_the_environment_can_replace(root: Path, pins: dict[str, str]) -> None:
    lines = (root / "versions.env").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith("#")]) == len(pins)


def test_make_hands_every_pin_to_what_it_runs(root: Path, pins: dict[str, str], tmp_path: Path) -> None:
    printed = tmp_path / "Makefile"
    printed.write_text(f"include {root.joinpath('Makefile').name}\nprinted: ; @env\n")
    shown = subprocess.run(
        ["make", "-f", str(printed), "printed"],
        cwd=root,
        env={"PATH": os.environ["PATH"], "NATS_IMAGE": "nats:mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    environment = dict(line.partition("=")[::2] for line in shown.stdout.splitlines())
    assert {name: environment.get(name) for name in pins} == {**pins, "NATS_IMAGE": "nats:mine"}


def test_image_is_made_from_the_pinned_python(root: Path, pins: dict[str, str]) -> None:
    defaults = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", (root / "services/Dockerfile").read_text(), re.MULTILINE)
    assert defaults == [pins["PYTHON_IMAGE"]]


def test_development_servers_are_the_pinned_ones(root: Path, pins: dict[str, str]) -> None:
    values = yaml.safe_load((root / "charts/dev-infra/values.yaml").read_text())
    for name in ("postgres", "nats", "valkey", "prometheus", "jaeger"):
        assert values[name]["image"] == pins[f"{name.upper()}_IMAGE"]


def test_no_image_is_pinned_by_latest(pins: dict[str, str]) -> None:
    images = [value for name, value in pins.items() if name.endswith("_IMAGE")]
    assert images
    assert not [image for image in images if ":" not in image or image.endswith(":latest")]
