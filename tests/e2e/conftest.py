"""One system for all journeys: the one at ``BASE_URL``, or one that is started here and stopped at the end."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client

from tests.e2e import artefacts
from tests.e2e.people import Person
from tests.e2e.shop import Shelf
from tests.e2e.system import LocalSystem, local_system

ORIGIN = "https://shop.example"
# Everybody in these tests has the same address, and comes with an account that was just made.
CROWDED = {
    "PASSWORDS__EFFORT": "least",
    **{f"LIMITS__{name}__ADDRESS__{what}": "10000" for name in ("DEFAULT", "LOGIN") for what in ("RATE", "BURST")},
}


def pytest_configure(config: pytest.Config) -> None:
    """Record what a cluster looks like whenever a test on it fails."""
    if cluster := artefacts.selected():
        config.pluginmanager.register(_Recorder(artefacts.Artefacts(cluster)))


class _Recorder:
    """A pytest plugin around ``Artefacts``."""

    def __init__(self, kept: artefacts.Artefacts) -> None:
        self._kept = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        """Keep everything at the moment of the failure, before fixtures put things in order."""
        report: pytest.TestReport = yield
        if report.failed and (folder := self._kept.keep(item.nodeid, str(report.longrepr))):
            report.sections.append(("state of the cluster", str(folder)))
        return report


@pytest.fixture(scope="session")
def system() -> Iterator[LocalSystem]:
    """The system that was started here; what needs its logs or processes cannot run against another one."""
    if "BASE_URL" in os.environ:
        pytest.skip("BASE_URL names a system whose logs and processes are out of reach")
    with local_system(CORS__ORIGINS=ORIGIN, **CROWDED) as started:
        yield started


@pytest.fixture(scope="session")
def base_url(request: pytest.FixtureRequest) -> str:
    """The address of the system under test."""
    if address := os.environ.get("BASE_URL"):
        return address.rstrip("/")
    started: LocalSystem = request.getfixturevalue("system")
    return started.address


@pytest.fixture(scope="session")
def allowed_origin() -> str:
    """An origin whose pages may call the API."""
    if "BASE_URL" in os.environ and "CORS_ORIGIN" not in os.environ:
        pytest.skip("CORS_ORIGIN does not say which origin the system at BASE_URL allows")
    return os.environ.get("CORS_ORIGIN", ORIGIN)


@pytest.fixture(scope="session")
def api(base_url: str) -> Iterator[Client]:
    """A client that knows nothing but the address."""
    with Client(base_url=base_url, timeout=30) as client:
        yield client


@pytest.fixture
def ada(api: Client) -> Person:
    """Somebody with an account, signed in."""
    return Person.registered(api)


@pytest.fixture
def bob(api: Client) -> Person:
    """Somebody else."""
    return Person.registered(api)


@pytest.fixture(scope="session")
def staff(request: pytest.FixtureRequest, api: Client) -> Person:
    """Somebody who runs the shop: the first admin, whom ``ADMIN_EMAIL`` and ``ADMIN_PASSWORD`` name elsewhere."""
    if "BASE_URL" not in os.environ:
        started: LocalSystem = request.getfixturevalue("system")
        return Person(api, tokens={"access_token": started.tradewind("token", "--admin").stdout.strip()})
    if "ADMIN_PASSWORD" not in os.environ:
        pytest.skip("ADMIN_EMAIL and ADMIN_PASSWORD do not say who runs the system at BASE_URL")
    person = Person(api, email=os.environ["ADMIN_EMAIL"], password=os.environ["ADMIN_PASSWORD"])
    person.sign_in()
    return person


@pytest.fixture
def shelf(staff: Person) -> Shelf:
    """A published product with a few pieces in stock."""
    return Shelf.filled(staff)
