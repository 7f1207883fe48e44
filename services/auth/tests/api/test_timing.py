"""What a stranger could measure: known and unknown addresses cost the same work.

Counted are hashes and transactions, not milliseconds: those would tell more about the machine than about us.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from services.auth.tests.api.people import MakePerson, Person
from sqlalchemy import event

from auth.api.deps import TICK_SECONDS
from auth.crypto.passwords import Argon2Passwords
from chassis import context
from chassis.app import Service

pytestmark = pytest.mark.anyio

Ask = Callable[[Person], Awaitable[Response]]


@pytest.fixture
def work(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count what is done."""
    done: Counter[str] = Counter()
    hasher: Argon2Passwords = service.app.state.auth.hasher
    run = hasher._run

    async def counting(job: Callable[[], Any]) -> Any:
        done["hashes"] += 1
        return await run(job)

    def committed(_: Any) -> None:
        done["commits"] += context.started() is not None  # The keyring reads its keys meanwhile, for nobody.

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
    ask: Ask, ada: Person, somebody: MakePerson, work: Counter[str]
) -> None:
    work.clear()
    known = await ask(ada)
    cost_of_known = dict(work)
    work.clear()
    unknown = await ask(somebody())
    assert known.status_code == unknown.status_code
    assert cost_of_known == dict(work)
    assert work["hashes"] == (0 if ask is reset else 1)


@pytest.mark.parametrize("ask", [register, reset])
async def test_answers_leave_at_ticks(ask: Ask, ada: Person, somebody: MakePerson) -> None:
    for person in (ada, somebody()):
        began = time.monotonic()
        await ask(person)
        assert time.monotonic() - began >= TICK_SECONDS


async def test_wrong_password_for_nobody_waits_for_a_hash(
    client: AsyncClient, somebody: MakePerson, work: Counter[str]
) -> None:
    await somebody().sign_in()
    assert work["hashes"] == 1
