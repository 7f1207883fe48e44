"""Gives every test the fixtures of ``chassis.testing``, and keeps unit tests off the network."""

import gc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ("chassis.testing",)

# A machine that is busy for a moment is no counter-example.
settings.register_profile("tradewind", deadline=None)
settings.load_profile("tradewind")

# Until everything is collected, which makes a lot that stays.
gc.disable()

_REPOSITORY = Path(__file__).parent
# What starts whole systems or works for a fixed time.
_LONGEST = (
    "tests/e2e/local/",
    "tests/e2e/",
    "tests/chaos/",
    "tests/fuzz/",
    "local/tests/integration/",
    "tests/charts/",
)
_TOGETHER = {"tests/e2e/journeys/": "tests/e2e", "tests/e2e/local/": "tests/e2e", "tests/charts/": "tests/charts"}
"""They look at one system, or at the same renders, which cost more than most tests."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Block sockets in whatever lies below a ``tests/unit``; event loops keep their local pairs (Unix sockets).

    A file is run by one process, so the longest ones come first.
    """
    for item in items:
        if "tests/unit/" in item.path.relative_to(_REPOSITORY).as_posix():
            item.add_marker(pytest.mark.disable_socket)
    items.sort(key=_turn)


def pytest_collection_finish() -> None:
    """Begin to search for garbage, and keep all that was imported and collected out of it."""
    gc.collect()
    gc.freeze()
    gc.enable()


def _turn(item: pytest.Item) -> int:
    path = item.path.relative_to(_REPOSITORY).as_posix()
    return next((turn for turn, start in enumerate(_LONGEST) if path.startswith(start)), len(_LONGEST))


class _Together(LoadFileScheduling):  # type: ignore[misc] # the package has no types
    """Gives a file to one process, and to one of them all files that share what is costly to make."""

    def _split_scope(self, nodeid: str) -> str:
        group = next((group for start, group in _TOGETHER.items() if nodeid.startswith(start)), None)
        return group or str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together:
    """Take the place of ``--dist loadfile``."""
    return _Together(config, log)
