"""A small service to try the chassis on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chassis.app import Service
from chassis.settings import ServiceSettings

MakeService = Callable[..., Service]


@pytest.fixture
def make_service(tmp_path: Path) -> MakeService:
    """Make services named ``sample``; keyword arguments override settings, ``manifest`` adds lines to service.yaml."""

    def make(*, manifest: str = "", **settings: object) -> Service:
        folder = tmp_path / "sample"
        folder.mkdir(exist_ok=True)
        (folder / "service.yaml").write_text(f"name: sample\nsummary: A sample.\n{manifest}")
        chosen = ServiceSettings.model_validate({"environment": "development", **settings})
        return Service(chosen, name="sample", folder=folder)

    return make
