"""The whole service in this process: a real database and real hashes, nothing in the background.

One service for all tests, since every test brings people of its own, at addresses of their own.
"""

import base64
from collections.abc import AsyncIterator, Iterator

import pytest
from httpx2 import AsyncClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from auth.main import build
from auth.settings import GuessingSettings, KeySettings, MailSettings, Settings
from chassis.app import Service
from chassis.embedded import EmbeddedNats
from chassis.manifest import service_dir
from chassis.settings import BrokerSettings, TokenSettings
from chassis.testing import Databases, FakeClock, running
from services.auth.tests.api.people import MakePerson, Person, appoint

ISSUER = "http://auth.test"
GATEWAY_SECRET = "gateway-secret-of-a-generator-of-256-bits"
CUSTOMERS_SECRET = "customers-secret-of-a-generator-of-256-bits"


@pytest.fixture(scope="session")
def settings(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as nats:
        settings = Settings(
            environment="development",
            database=databases.create_migrated("auth", service_dir("auth")),
            broker=BrokerSettings(url=nats.url),
            tokens=TokenSettings(issuer=ISSUER, jwks_url=f"{ISSUER}/.well-known/jwks.json"),
            keys=KeySettings(encryption_key=SecretStr(base64.b64encode(bytes(range(32))).decode())),
            clients={"gateway": SecretStr(GATEWAY_SECRET), "customers": SecretStr(CUSTOMERS_SECRET)},
            mail=MailSettings(mode="development"),
            guessing=GuessingSettings(address_free=25),
            password_grant=True,
            # What the test client comes from: it stands in for the gateway.
            trusted_proxies=("127.0.0.1",),
            background=False,
        )
        yield settings
        databases.drop(settings.database)


@pytest.fixture(scope="session")
def service_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def service(settings: Settings, service_clock: FakeClock) -> Service:
    service = build(settings, clock=service_clock)
    service.prepare_at_start = True
    # Real hashes with the cheapest parameters: what ours cost is tested where they are made.
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    hasher = service.app.state.auth.hasher
    hasher._hasher, hasher._nobodys = cheap, cheap.hash("nobody's")
    return service


@pytest.fixture(scope="session")
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with running(service) as client:
        yield client


@pytest.fixture
def somebody(client: AsyncClient, service: Service) -> MakePerson:
    """Make people without an account."""
    return lambda: Person(client, service.app.state.operations)


@pytest.fixture
async def ada(somebody: MakePerson) -> Person:
    """A customer."""
    person = somebody()
    await person.register()
    return person


@pytest.fixture
async def bob(somebody: MakePerson) -> Person:
    """Another customer."""
    person = somebody()
    await person.register()
    return person


@pytest.fixture
async def root(service: Service, somebody: MakePerson) -> Person:
    """An admin."""
    person = somebody()
    await appoint(service, person)
    return person


@pytest.fixture
async def staff(root: Person, somebody: MakePerson, client: AsyncClient) -> Person:
    """Somebody of the staff."""
    person = somebody()
    await person.register()
    path = f"/v1/accounts/{await person.id()}/roles"
    roles = {"roles": ["customer", "staff"]}
    answer = await client.put(path, json=roles, headers={**await root.headers(), "if-match": "*"})
    assert answer.status_code == 200, answer.text
    return person
