"""The checkout that the tests stand in, and what it says that there is to test."""

from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]


def services(checkout: Path = REPOSITORY, *, with_database: bool = False) -> tuple[str, ...]:
    """Return the names of a checkout's services: the folders with a ``service.yaml``, in alphabetical order."""
    found = sorted((checkout / "services").glob("*/service.yaml"))
    return tuple(each.parent.name for each in found if not with_database or _owns_database(each))


def _owns_database(manifest: Path) -> bool:
    return bool(yaml.safe_load(manifest.read_text()).get("owns", {}).get("database"))


EVERY_SERVICE = services()
EVERY_DATABASE = services(with_database=True)
