"""Gives every test the fixtures of ``chassis.testing``, and keeps unit tests off the network."""

from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ("chassis.testing",)

# A machine that is busy for a moment is no counter-example.
settings.register_profile("tradewind", deadline=None)
settings.load_profile("tradewind")

_REPOSITORY = Path(__file__).parent
# What starts whole systems or works for a fixed time.
_LONGEST = ("tests/chaos/", "tests/fuzz/", "tests/e2e/local/test_relay.py", "local/tests/integration/", "tests/e2e/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Block sockets in whatever lies below a ``tests/unit``; event loops keep their local pairs (Unix sockets).

    A file is run by one process, so the longest ones come first.
    """
    for item in items:
        if "tests/unit/" in item.path.relative_to(_REPOSITORY).as_posix():
            item.add_marker(pytest.mark.disable_socket)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    path = item.path.relative_to(_REPOSITORY).as_posix()
    return next((turn for turn, start in enumerate(_LONGEST) if path.startswith(start)), len(_LONGEST))
