"""What every kind of test of this service shares."""

import pytest


@pytest.fixture(scope="session")
def service_name() -> str:
    return "inventory"
