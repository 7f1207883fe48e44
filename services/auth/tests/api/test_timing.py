"""What a stranger could measure: known and unknown addresses cost the same work.

Counted are hashes and transactions, not milliseconds: those would tell more about the machine than about us.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import event
from starlette.types import Message, Receive, Scope, Send

from auth.api import deps
from auth.api.deps import TICK_SECONDS, even_time
from auth.crypto.passwords import Argon2Passwords
from chassis import context
from chassis.app import Service
from services.auth.tests.api.people import MakePerson, Person

pytestmark = pytest.mark.anyio

Ask = Callable[[Person], Awaitable[Response]]


@pytest.fixture
def work(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Write down what is done."""
    done: list[str] = []
    hasher: Argon2Passwords = service.app.state.auth.hasher
    run = hasher._run

    async def counting(job: Callable[[], Any]) -> Any:
        done.append("hash")
        return await run(job)

    def committed(_: Any) -> None:
        if context.started() is not None:  # The keyring reads its keys meanwhile, for nobody.
            done.append("commit")

    monkeypatch.setattr(hasher, "_run", counting)
    engine = service.app.state.database.engine.sync_engine
    event.listen(engine, "commit", committed)
    yield done
    event.remove(engine, "commit", committed)


async def register(person: Person) -> Response:
    return await person.register()


async def sign_in(person: Person) -> Response:
    return await person.sign_in(password="wrong horse battery")


async def reset(person: Person) -> Response:
    return await person.client.post("/v1/password-resets", json={"email": person.email})


@pytest.mark.parametrize("ask", [register, sign_in, reset])
async def test_known_and_unknown_addresses_cost_the_same(
    ask: Ask, ada: Person, somebody: MakePerson, work: list[str]
) -> None:
    work.clear()
    known = await ask(ada)
    cost_of_known = list(work)
    work.clear()
    unknown = await ask(somebody())
    assert known.status_code == unknown.status_code
    assert cost_of_known == work
    assert work.count("hash") == (0 if ask is reset else 1)


@pytest.mark.parametrize("ask", [register, reset])
async def test_answers_wait_for_a_tick_after_the_last_commit(
    ask: Ask,
    ada: Person,
    somebody: MakePerson,
    work: list[str],
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def wait(seconds: float) -> None:
        assert 0 <= seconds <= TICK_SECONDS
        work.append("tick")

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def spy(message: Message) -> None:
            if message["type"] == "http.response.start":
                work.append("answer")
            await send(message)

        await service.asgi(scope, receive, spy)

    monkeypatch.setattr(deps, "_wait", wait)
    async with AsyncClient(transport=ASGITransport(watched), base_url="http://service.test") as client:
        for person in (ada, somebody()):
            work.clear()
            await ask(replace(person, client=client))
            assert work[-3:] == ["commit", "tick", "answer"]


@pytest.mark.parametrize(("spent", "waits"), [(0.012, 0.038), (0.05, 0.0), (0.12, 0.03)])
async def test_ticks_come_every_fifty_milliseconds(spent: float, waits: float, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    readings = iter([100.0, 100.0 + spent])
    monkeypatch.setattr(deps, "_wait", wait)
    monkeypatch.setattr(deps, "_now", lambda: next(readings))
    async for _ in even_time():
        pass
    assert waited == pytest.approx([waits], abs=1e-6)


async def test_wrong_password_for_nobody_waits_for_a_hash(
    client: AsyncClient, somebody: MakePerson, work: list[str]
) -> None:
    await somebody().sign_in()
    assert work.count("hash") == 1
