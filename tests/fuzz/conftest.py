"""A system to throw requests at, and somebody to throw them as."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.system import LocalSystem, local_system


@pytest.fixture(scope="session")
def target() -> Iterator[LocalSystem]:
    """A system of its own, so that nonsense meets no journey; nobody's requests are too many for it."""
    with local_system(GUESSING__ACCOUNT_FREE="1000", GUESSING__ADDRESS_FREE="100000") as started:
        yield started


@pytest.fixture(scope="session")
def seconds() -> float:
    """How long all of it may take."""
    return float(os.environ.get("FUZZ_SECONDS", "24"))
