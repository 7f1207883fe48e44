import threading
import time
from collections.abc import AsyncIterator

import anyio
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from auth.crypto.passwords import LEAST, Argon2Passwords, HashingOverloadedError
from chassis import context
from chassis.errors import DeadlineExceededError
from chassis.testing import eventually

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


@pytest.fixture
async def hasher() -> AsyncIterator[Argon2Passwords]:
    made = Argon2Passwords(threads=1, most_waiting=2)
    async with made.lifespan():
        yield made


async def test_parameters_are_those_of_owasp(hasher: Argon2Passwords) -> None:
    assert (await hasher.hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_least_effort_is_cheap_for_nobody_and_somebody_alike() -> None:
    made = Argon2Passwords(threads=1, most_waiting=2, effort=LEAST)
    async with made.lifespan():
        password_hash = await made.hash(PASSWORD)
        assert password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        assert (await made.verify(PASSWORD, password_hash)).right
        assert not (await made.verify(PASSWORD, None)).right


async def test_right_password_is_right_and_wrong_is_wrong(hasher: Argon2Passwords) -> None:
    password_hash = await hasher.hash(PASSWORD)
    assert (await hasher.verify(PASSWORD, password_hash)).right
    assert not (await hasher.verify("wrong horse battery", password_hash)).right


async def test_same_password_never_has_the_same_hash(hasher: Argon2Passwords) -> None:
    assert await hasher.hash(PASSWORD) != await hasher.hash(PASSWORD)


async def test_hash_with_other_parameters_comes_with_a_new_one(hasher: Argon2Passwords) -> None:
    weaker = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)).hash(PASSWORD)
    verdict = await hasher.verify(PASSWORD, weaker)
    assert verdict.right
    assert verdict.new_hash is not None
    assert (await hasher.verify(PASSWORD, verdict.new_hash)).new_hash is None


async def test_nobodys_password_is_hashed_and_never_right(
    hasher: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    real = hasher._hasher.verify_and_update

    def counting(password: str, password_hash: str) -> tuple[bool, str | None]:
        compared.append(password_hash)
        return real(password, password_hash)

    monkeypatch.setattr(hasher._hasher, "verify_and_update", counting)
    assert not (await hasher.verify("", None)).right
    assert not (await hasher.verify(PASSWORD, None)).right
    assert [each.split("$")[3] for each in compared] == ["m=19456,t=2,p=1"] * 2


async def test_flood_is_refused_instead_of_queued(hasher: Argon2Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    monkeypatch.setattr(hasher._hasher, "hash", lambda _: str(hold.wait(10)))
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(hasher.hash, PASSWORD)
        await eventually(lambda: hasher._queue == 2)
        with pytest.raises(HashingOverloadedError):
            await hasher.hash(PASSWORD)
        hold.set()
    assert await hasher.hash(PASSWORD)


async def test_password_nobody_waits_for_is_not_hashed(hasher: Argon2Passwords) -> None:
    late = context.WorkContext(deadline=time.monotonic() - 1)
    with context.working(late), pytest.raises(DeadlineExceededError):
        await hasher.hash(PASSWORD)
    assert await hasher.hash(PASSWORD)
