"""Handling events: each has its effect once, failures wait their turn, and nothing gets lost or stands in the way."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import text

from chassis import context, logs
from chassis.bus import Unreadable
from chassis.database import Database, DatabaseAwayError, unit_of_work_open
from chassis.embedded import EmbeddedPostgres
from chassis.events import Envelope
from chassis.failures import dead_letters, replay
from chassis.ids import uuid7
from chassis.inbox import Inbox
from chassis.outbox import record
from chassis.settings import DatabaseSettings, LogSettings, RetrySettings
from chassis.tables import chassis_metadata
from chassis.tasks import end
from chassis.testing import eventually

pytestmark = pytest.mark.anyio

QUICK = RetrySettings(attempts=3, first_pause_seconds=0.01, longest_pause_seconds=0.05)
KIND = "tradewind.shop.thing-sold.v1"


def envelope(**data: Any) -> Envelope:
    return Envelope(id=uuid7(), type=KIND, source="/shop", subject="thing-1", data=data, sequence=1)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"consumer": "ledger", **labels}) or 0.0


class Failing:
    """A handler that notes its effect and then fails, so often."""

    def __init__(self, note: Any, *, times: int) -> None:
        self._note = note
        self.times = times
        self.calls = 0

    async def __call__(self, session: Any, event: Envelope) -> None:
        self.calls += 1
        await self._note(session, event)
        if self.calls <= self.times:
            raise RuntimeError(f"failure {self.calls}")


async def waiting(shop: Any) -> list[Any]:
    return list(await shop.rows("SELECT * FROM failed_messages ORDER BY id"))


async def nothing_waits(shop: Any) -> bool:
    return not await waiting(shop)


# Once.


async def test_effect_and_record_are_one_transaction(shop: Any) -> None:
    event = envelope()
    await Inbox(shop.database, "ledger", shop.note).handle(event)
    assert [row.event_id for row in await shop.rows("SELECT event_id FROM effects")] == [event.id]
    assert await shop.count("inbox WHERE consumer = 'ledger'") == 1


async def test_second_delivery_has_no_effect(shop: Any) -> None:
    inbox, event = Inbox(shop.database, "ledger", shop.note), envelope()
    handled, repeated = (
        counted("tradewind_consumer_handled_total", type=KIND),
        counted("tradewind_consumer_repeated_total", type=KIND),
    )
    for _ in range(3):
        await inbox.handle(event)
    assert await shop.count("effects") == 1
    assert counted("tradewind_consumer_handled_total", type=KIND) - handled == 1
    assert counted("tradewind_consumer_repeated_total", type=KIND) - repeated == 2


async def test_deliveries_at_the_same_time_have_one_effect(shop: Any) -> None:
    async def slowly(session: Any, event: Envelope) -> None:
        await shop.note(session, event)
        await asyncio.sleep(0.05)

    inbox, event = Inbox(shop.database, "ledger", slowly), envelope()
    await asyncio.gather(*(inbox.handle(event) for _ in range(4)))
    assert await shop.count("effects") == 1


async def test_consumers_of_one_service_each_have_their_effect(shop: Any) -> None:
    event = envelope()
    await Inbox(shop.database, "ledger", shop.note).handle(event)
    await Inbox(shop.database, "audit", shop.note).handle(event)
    assert await shop.count("effects") == 2


async def test_events_of_a_handler_are_told_with_its_effect(shop: Any) -> None:
    async def pass_on(session: Any, event: Envelope) -> None:
        record(session, shop.message(7))

    work = context.WorkContext()
    with context.working(work):
        await Inbox(shop.database, "ledger", pass_on).handle(envelope())
    [row] = await shop.rows("SELECT subject, traceparent FROM outbox")
    assert row.subject == "thing-7"
    assert work.trace_id in row.traceparent


async def test_handler_runs_within_a_unit_of_work(shop: Any) -> None:
    states: list[bool] = []

    async def look(_session: Any, _event: Envelope) -> None:
        states.append(unit_of_work_open())

    await Inbox(shop.database, "ledger", look).handle(envelope())
    assert states == [True]


# Failing.


async def test_failed_event_leaves_no_effect_and_is_kept(shop: Any) -> None:
    event = envelope(colour="red")
    await Inbox(shop.database, "ledger", Failing(shop.note, times=1)).handle(event)
    assert await shop.count("effects") == await shop.count("inbox") == 0
    [kept] = await waiting(shop)
    assert (kept.consumer, kept.event_id, kept.attempts) == ("ledger", event.id, 1)
    assert kept.error == "RuntimeError: failure 1"
    assert kept.envelope["data"] == {"colour": "red"}
    assert 0 <= (kept.next_attempt_at - kept.failed_at).total_seconds() <= 1


async def test_failed_event_is_retried_until_it_succeeds(shop: Any, beside: Any) -> None:
    handler, event = Failing(shop.note, times=2), envelope()
    inbox = Inbox(shop.database, "ledger", handler, retries=QUICK)
    await inbox.handle(event)
    async with beside(inbox.retry()):
        await eventually(lambda: nothing_waits(shop))
    assert handler.calls == 3
    assert [row.event_id for row in await shop.rows("SELECT event_id FROM effects")] == [event.id]


async def test_event_that_always_fails_ends_as_a_dead_letter(shop: Any, beside: Any) -> None:
    handler, event = Failing(shop.note, times=99), envelope()
    inbox = Inbox(shop.database, "ledger", handler, retries=QUICK)
    died, failed = counted("tradewind_consumer_dead_total"), counted("tradewind_consumer_failed_total", type=KIND)
    await inbox.handle(event)
    async with beside(inbox.retry()):
        await eventually(lambda: dead_letters(shop.database))
        await asyncio.sleep(0.1)
    [letter] = await dead_letters(shop.database)
    assert (letter.consumer, letter.event_id, letter.type, letter.attempts) == ("ledger", event.id, KIND, 3)
    assert letter.error == "RuntimeError: failure 3"
    assert handler.calls == 3
    assert counted("tradewind_consumer_dead_total") - died == 1
    assert counted("tradewind_consumer_failed_total", type=KIND) - failed == 3


async def test_single_attempt_means_dead_at_once(shop: Any) -> None:
    inbox = Inbox(shop.database, "ledger", Failing(shop.note, times=1), retries=RetrySettings(attempts=1))
    await inbox.handle(envelope())
    assert len(await dead_letters(shop.database)) == 1


async def test_pauses_grow_are_random_and_bounded(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[tuple[float, float]] = []

    def longest(low: float, high: float) -> float:
        bounds.append((low, high))
        return 0

    monkeypatch.setattr("chassis.failures.random.uniform", longest)
    settings = RetrySettings(attempts=7, first_pause_seconds=1, growth=4, longest_pause_seconds=100)
    inbox = Inbox(shop.database, "ledger", Failing(shop.note, times=99), retries=settings)
    await inbox.handle(envelope())
    retrying = asyncio.create_task(inbox.retry())
    await eventually(lambda: dead_letters(shop.database))
    await end(retrying)
    assert bounds == [(0, 1), (0, 4), (0, 16), (0, 64), (0, 100), (0, 100)]


async def test_poison_does_not_hold_up_the_others(shop: Any, memory_bus: Any, beside: Any) -> None:
    poison, others = envelope(poison=True), [envelope() for _ in range(30)]

    async def choke(session: Any, event: Envelope) -> None:
        if event.data:
            raise RuntimeError("poison")
        await shop.note(session, event)

    inbox = Inbox(shop.database, "ledger", choke, retries=QUICK)
    async with beside(inbox.consume(memory_bus, replace(shop.ledger, concurrency=1)), inbox.retry()):
        await memory_bus.publish([poison, *others])

        async def all_others() -> bool:
            return bool(await shop.happened() == 30)

        await eventually(all_others)
        await eventually(lambda: dead_letters(shop.database))


async def test_handler_that_hangs_is_given_up(shop: Any) -> None:
    async def hang(_session: Any, _event: Envelope) -> None:
        await asyncio.Event().wait()

    await Inbox(shop.database, "ledger", hang, handle_seconds=0.05).handle(envelope())
    [kept] = await waiting(shop)
    assert kept.error.startswith("TimeoutError")


async def test_redelivery_of_an_event_that_waits_keeps_its_pauses(shop: Any) -> None:
    inbox, event = Inbox(shop.database, "ledger", Failing(shop.note, times=2)), envelope()
    await inbox.handle(event)
    [before] = await waiting(shop)
    await inbox.handle(event)
    [after] = await waiting(shop)
    assert (after.attempts, after.next_attempt_at) == (before.attempts, before.next_attempt_at)
    assert after.error == "RuntimeError: failure 2"


async def test_event_that_succeeded_meanwhile_is_forgotten_without_an_effect(shop: Any, beside: Any) -> None:
    inbox, event = Inbox(shop.database, "ledger", Failing(shop.note, times=1), retries=QUICK), envelope()
    await inbox.handle(event)
    await inbox.handle(event)
    async with beside(inbox.retry()):
        await eventually(lambda: nothing_waits(shop))
    assert await shop.count("effects") == 1


async def test_retries_of_one_consumer_do_not_touch_those_of_another(shop: Any, beside: Any) -> None:
    await Inbox(shop.database, "audit", Failing(shop.note, times=1), retries=QUICK).handle(envelope())
    ledger = Inbox(shop.database, "ledger", Failing(shop.note, times=1), retries=QUICK)
    await ledger.handle(envelope())

    async def one_left() -> bool:
        return [row.consumer for row in await waiting(shop)] == ["audit"]

    async with beside(ledger.retry()):
        await eventually(one_left)


async def test_event_is_retried_by_one_replica_at_a_time(shop: Any, open_shop: Any, beside: Any) -> None:
    running = most = 0

    async def overlap(session: Any, event: Envelope) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        await shop.note(session, event)

    broken = Inbox(shop.database, "ledger", Failing(shop.note, times=99), retries=QUICK)
    for _ in range(5):
        await broken.handle(envelope())
    replicas = [Inbox((await open_shop()).database, "ledger", overlap, retries=QUICK) for _ in range(2)]
    async with beside(*(replica.retry() for replica in replicas)):
        await eventually(lambda: nothing_waits(shop))
    assert await shop.count("effects") == 5
    assert most == 2


async def test_event_whose_process_dies_in_a_retry_is_counted_and_comes_again(shop: Any, beside: Any) -> None:
    event = envelope()
    inbox = Inbox(shop.database, "ledger", Failing(shop.note, times=1), retries=QUICK)
    await inbox.handle(event)

    async def claimed() -> bool:
        return await inbox._failures.claim(lease_seconds=0.2) is not None

    await eventually(claimed)  # And now its process is dead.
    assert (await waiting(shop))[0].attempts == 2
    async with beside(inbox.retry()):
        await eventually(lambda: nothing_waits(shop))
    assert await shop.count("effects") == 1


async def test_event_that_kills_every_process_is_given_up(shop: Any, beside: Any) -> None:
    inbox = Inbox(shop.database, "ledger", shop.note, retries=QUICK)
    await Inbox(shop.database, "ledger", Failing(shop.note, times=1), retries=QUICK).handle(envelope())
    await shop.execute("UPDATE failed_messages SET attempts = 3, next_attempt_at = now()")
    async with beside(inbox.retry()):
        await eventually(lambda: dead_letters(shop.database))
    assert await shop.count("effects") == 0
    assert "process" in (await dead_letters(shop.database))[0].error


# Dead letters.


async def test_replayed_dead_letter_is_handled_by_the_running_service(shop: Any, beside: Any) -> None:
    handler, event = Failing(shop.note, times=3), envelope()
    inbox = Inbox(shop.database, "ledger", handler, retries=QUICK)
    await inbox.handle(event)
    async with beside(inbox.retry()):
        await eventually(lambda: dead_letters(shop.database))
        assert await replay(shop.database) == 1
        await eventually(lambda: nothing_waits(shop))
    assert [row.event_id for row in await shop.rows("SELECT event_id FROM effects")] == [event.id]


async def test_replay_takes_the_named_ones_only(shop: Any) -> None:
    inbox = Inbox(shop.database, "ledger", Failing(shop.note, times=99), retries=RetrySettings(attempts=1))
    for _ in range(3):
        await inbox.handle(envelope())
    first, second, third = await dead_letters(shop.database)
    assert await replay(shop.database, [second.id]) == 1
    assert [letter.id for letter in await dead_letters(shop.database)] == [first.id, third.id]


async def test_replay_leaves_what_is_not_dead(shop: Any) -> None:
    await Inbox(shop.database, "ledger", Failing(shop.note, times=1)).handle(envelope())
    assert await dead_letters(shop.database) == []
    assert await replay(shop.database) == 0


async def test_dead_letter_is_plain_json(shop: Any) -> None:
    event = envelope(colour="red")
    inbox = Inbox(shop.database, "ledger", Failing(shop.note, times=1), retries=RetrySettings(attempts=1))
    await inbox.handle(event)
    [letter] = await dead_letters(shop.database)
    document = json.loads(json.dumps(letter.to_json(), default=str))
    assert document["event_id"] == str(event.id)
    assert document["envelope"]["data"] == {"colour": "red"}


# What cannot be read or stored.


async def test_unreadable_message_is_a_dead_letter_at_once_and_only_one(
    shop: Any, memory_bus: Any, beside: Any
) -> None:
    inbox = Inbox(shop.database, "ledger", shop.note)
    async with beside(inbox.consume(memory_bus, shop.ledger)):
        memory_bus.broker.put("shop", KIND, b"\xff nonsense")
        memory_bus.broker.put("shop", KIND, b"\xff nonsense")
        await memory_bus.publish([envelope()])

        async def all_done() -> bool:
            return bool(await shop.happened() == 1 and await dead_letters(shop.database))

        await eventually(all_done)
    [letter] = await dead_letters(shop.database)
    assert letter.type == ""
    assert "not a CloudEvent" in letter.error


async def test_unreadable_message_that_is_replayed_dies_again(shop: Any, beside: Any) -> None:
    inbox = Inbox(shop.database, "ledger", shop.note, retries=QUICK)
    await inbox.refuse(Unreadable(b"nonsense", "not a CloudEvent"))
    await replay(shop.database)
    async with beside(inbox.retry()):
        await eventually(lambda: dead_letters(shop.database))
    assert await shop.count("effects") == 0


async def test_message_that_becomes_readable_is_handled_when_replayed(shop: Any, beside: Any) -> None:
    event = envelope()
    inbox = Inbox(shop.database, "ledger", shop.note, retries=QUICK)
    await inbox.refuse(Unreadable(event.to_json(), "an older version could not read it"))
    await replay(shop.database)
    async with beside(inbox.retry()):
        await eventually(lambda: nothing_waits(shop))
    assert [row.event_id for row in await shop.rows("SELECT event_id FROM effects")] == [event.id]


@pytest.mark.parametrize("words", ["\0", "\\u0000", "\\\0", 'quote " and \\'])
async def test_event_and_error_that_postgresql_cannot_store_are_kept_all_the_same(
    shop: Any, beside: Any, words: str
) -> None:
    got: list[Any] = []

    async def fail_first(_session: Any, event: Envelope) -> None:
        got.append(event.data)
        if len(got) == 1:
            raise RuntimeError(f"cannot handle {words}")

    inbox = Inbox(shop.database, "ledger", fail_first, retries=QUICK)
    await inbox.handle(envelope(words=words))
    async with beside(inbox.retry()):
        await eventually(lambda: nothing_waits(shop))
    assert got == [{"words": words}] * 2


# The database goes away.


async def test_event_that_can_be_neither_handled_nor_stored_stays_with_the_broker(
    tmp_path: Path, memory_bus: Any, beside: Any, shop: Any
) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", synchronous_commit=False, fsync=False) as server:
        address = server.superuser_dsn("postgres").replace("postgresql://", "postgresql+asyncpg://")
        port = server.port
        database = Database(DatabaseSettings(url=SecretStr(address)), service="shop")
        calls = 0

        async def handler(session: Any, _event: Envelope) -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                server.stop()
            await session.execute(text("SELECT 1"))

        async with database.lifespan():
            async with database.engine.begin() as connection:
                await connection.run_sync(chassis_metadata.create_all)
            inbox = Inbox(database, "ledger", handler)
            with pytest.raises(DatabaseAwayError):
                await inbox.handle(envelope())
            async with beside(inbox.consume(memory_bus, shop.ledger)):
                await memory_bus.publish([envelope()])
                with EmbeddedPostgres(tmp_path / "postgres", port=port):
                    await eventually(lambda: calls == 2)
                    back = replace(shop, database=database)

                    async def recorded() -> bool:
                        return bool(await back.count("inbox") == 1)

                    await eventually(recorded)
                    assert await back.count("failed_messages") == 0
                    await database.engine.dispose()


# What is logged.


async def test_each_event_leaves_one_line_in_its_trace(shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(), service="shop", version="1")
    cause = context.WorkContext()
    event = replace(envelope(), traceparent=cause.traceparent)
    with context.working(context.continue_trace(event.traceparent)):
        inbox = Inbox(shop.database, "ledger", shop.note)
        await inbox.handle(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [line] = [line for line in lines if line.get("event_id") == str(event.id)]
    assert line["trace_id"] == cause.trace_id
    assert (line["event"], line["event_type"], line["consumer"]) == ("event handled", KIND, "ledger")


async def test_failure_and_death_are_logged_in_the_trace_of_the_event(
    shop: Any, beside: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(LogSettings(), service="shop", version="1")
    cause = context.WorkContext()
    event = replace(envelope(), traceparent=cause.traceparent)
    retries = RetrySettings(attempts=2, first_pause_seconds=0.01)
    inbox = Inbox(shop.database, "ledger", Failing(shop.note, times=9), retries=retries)
    with context.working(context.continue_trace(event.traceparent)):
        await inbox.handle(event)
    async with beside(inbox.retry()):
        await eventually(lambda: dead_letters(shop.database))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(line["level"], line["attempt"], line["trace_id"]) for line in lines if "attempt" in line]
    assert told == [("warning", 1, cause.trace_id), ("error", 2, cause.trace_id)]
