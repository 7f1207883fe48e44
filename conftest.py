"""Gives every test the fixtures of ``chassis.testing``, and keeps unit tests off the network."""

from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ("chassis.testing",)

# A machine that is busy for a moment is no counter-example.
settings.register_profile("tradewind", deadline=None)
settings.load_profile("tradewind")

_REPOSITORY = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Block sockets in whatever lies below a ``tests/unit``; event loops keep their local pairs (Unix sockets).

    Groups, which one process has to run one after the other and which take longest, come first.
    """
    for item in items:
        if "tests/unit/" in item.path.relative_to(_REPOSITORY).as_posix():
            item.add_marker(pytest.mark.disable_socket)
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
