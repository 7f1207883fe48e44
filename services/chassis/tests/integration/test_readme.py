"""The service that the README shows is complete: written down as it stands there, it runs."""

import asyncio
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from httpx2 import AsyncClient

from chassis.app import Service
from chassis.bus import Consumer
from chassis.events import Envelope
from chassis.manifest import event_type
from chassis.nats_bus import NatsBus
from chassis.settings import BrokerSettings, DatabaseSettings
from chassis.tasks import end
from chassis.testing import TokenIssuer, eventually, running

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[2] / "README.md"
FILES = dict(re.findall(r"```\w+\n# (greetings/\S+)\n(.*?)```", README.read_text(), re.DOTALL))
MAIN = "greetings/src/greetings/main.py"


@pytest.fixture
def greetings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Write the README's files, and import the service from them."""
    checkout = tmp_path / "a checkout"
    for name, content in FILES.items():
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (checkout / MAIN).with_name("__init__.py").touch()
    monkeypatch.syspath_prepend(checkout / "greetings" / "src")
    yield importlib.import_module("greetings.main")
    for name in [each for each in sys.modules if each.partition(".")[0] == "greetings"]:
        del sys.modules[name]


@pytest.fixture
def service(
    greetings: ModuleType, empty_database: DatabaseSettings, broker_settings: BrokerSettings, tokens: TokenIssuer
) -> Service:
    settings = greetings.Settings(
        environment="development", database=empty_database, broker=broker_settings, tokens=tokens.settings
    )
    service: Service = greetings.build(settings)
    service.use_tokens(tokens.settings, keys=tokens)
    service.prepare_at_start = True
    return service


def test_complete_service_has_forty_lines() -> None:
    lines = [line for line in FILES[MAIN].splitlines() if line and not line.startswith(("import ", "from "))]
    assert len(lines) <= 40


async def test_complete_service_keeps_what_it_is_told(service: Service, tokens: TokenIssuer) -> None:
    headers = tokens.headers("somebody", "greetings:own")
    async with running(service) as client:
        given = await client.post("/v1/greetings", json={"words": "Good morning"}, headers=headers)
        assert (given.status_code, given.json()["words"]) == (201, "Good morning")
        found = await client.get(given.headers["location"], headers=headers)
        assert (found.status_code, found.json()) == (200, given.json())
        await refuses_what_it_should(client, headers)


async def refuses_what_it_should(client: AsyncClient, headers: dict[str, str]) -> None:
    unknown = await client.get("/v1/greetings/00000000-0000-7000-8000-000000000000", headers=headers)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "Nobody gave this greeting.")
    assert (await client.post("/v1/greetings", json={"words": "Good morning"})).status_code == 401
    assert (await client.post("/v1/greetings", json={"word": "Good morning"}, headers=headers)).status_code == 422
    assert (await client.get("/readyz")).status_code == 200


async def test_complete_service_may_be_asked_twice(service: Service, tokens: TokenIssuer) -> None:
    headers = {**tokens.headers("somebody", "greetings:own"), "idempotency-key": "k1"}
    async with running(service) as client:
        first, second = [
            await client.post("/v1/greetings", json={"words": "Good evening"}, headers=headers) for _ in range(2)
        ]
        assert second.json() == first.json()
        assert second.headers["idempotency-replayed"] == "true"


async def test_complete_service_tells_of_it(
    service: Service, tokens: TokenIssuer, broker_settings: BrokerSettings
) -> None:
    heard: list[Envelope] = []

    async def hear(envelope: Envelope) -> None:
        heard.append(envelope)

    kind = event_type("greetings", "greeting-given")
    neighbour = NatsBus(broker_settings, service="neighbours")
    async with running(service) as client, neighbour.lifespan():
        listening = asyncio.create_task(neighbour.consume(Consumer("all", "greetings", (kind,)), hear))
        await client.post("/v1/greetings", json={"words": "Hello"}, headers=tokens.headers("a", "greetings:own"))
        await eventually(lambda: heard)
        await end(listening)
    assert [(each.type, each.data) for each in heard] == [(kind, {"words": "Hello"})]
