"""Out of the outbox: everything that was committed is published, after any crash, and no effect happens twice."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from chassis.embedded import EmbeddedNats
from chassis.inbox import Inbox
from chassis.manifest import Manifest
from chassis.memory_bus import MemoryBus
from chassis.nats_bus import NatsBus
from chassis.relay import Floor, Relay
from chassis.settings import BrokerSettings, DatabaseSettings
from chassis.testing import eventually

pytestmark = pytest.mark.anyio


def sample(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def repeated() -> float:
    labels = {"consumer": "ledger", "type": "tradewind.shop.thing-sold.v1"}
    return REGISTRY.get_sample_value("tradewind_consumer_repeated_total", labels) or 0.0


async def sell_on(shop: Any) -> None:
    """Sell without end, a little ahead of the relay."""
    for number in itertools.count(step=5):
        await eventually(partial(few_wait, shop), seconds=30)
        await shop.sell(*range(number, number + 5))


async def few_wait(shop: Any) -> bool:
    return bool(await shop.unsent() < 100)


async def test_relay_publishes_and_marks(shop: Any, nats_bus: Any, beside: Any, heard: Any) -> None:
    before = sample("tradewind_outbox_published_total")
    async with beside(Relay(shop.database, nats_bus, shop.writer).run(), nats_bus.consume(shop.ledger, heard)):
        await shop.sell(1, 2, 3)
        await eventually(lambda: len(heard.envelopes) == 3)
        await eventually(shop.drained)
    assert sample("tradewind_outbox_published_total") - before == 3
    stored = await shop.rows("SELECT id, occurred_at, traceparent, data FROM outbox ORDER BY position")
    told = sorted(heard.envelopes, key=lambda each: each.data["number"])
    assert [(each.id, each.time, each.traceparent, each.data) for each in told] == [tuple(row) for row in stored]
    assert {each.source for each in told} == {"/shop"}


async def seconds_for_twenty(shop: Any, heard: Any) -> float:
    """Measure one event after the other; each would take up to a second if nobody woke the relay."""
    await shop.sell(0)
    await eventually(lambda: heard.numbers[0])
    started = asyncio.get_running_loop().time()
    for number in range(1, 21):
        await shop.sell(number)
        await eventually(partial(heard.has, number))
    return asyncio.get_running_loop().time() - started


async def test_relay_in_the_same_process_is_woken_at_once(shop: Any, memory_bus: Any, beside: Any, heard: Any) -> None:
    async with beside(Relay(shop.database, memory_bus, shop.writer).run(), memory_bus.consume(shop.ledger, heard)):
        assert await seconds_for_twenty(shop, heard) < 5


async def test_relay_in_another_process_is_woken_by_a_notification(
    shop: Any, open_shop: Any, memory_bus: Any, beside: Any, heard: Any
) -> None:
    other = await open_shop()
    async with beside(Relay(other.database, memory_bus, other.writer).run(), memory_bus.consume(shop.ledger, heard)):
        assert await seconds_for_twenty(shop, heard) < 5


async def test_relay_finds_what_nobody_woke_it_for(shop: Any, memory_bus: Any, beside: Any, heard: Any) -> None:
    async with beside(Relay(shop.database, memory_bus, shop.writer).run(), memory_bus.consume(shop.ledger, heard)):
        await shop.sell(1)
        await eventually(lambda: heard.numbers[1])
        await shop.sell_quietly(2)
        await eventually(lambda: heard.numbers[2], seconds=3)


async def test_change_that_commits_late_is_not_skipped(shop: Any, memory_bus: Any, beside: Any, heard: Any) -> None:
    async with beside(Relay(shop.database, memory_bus, shop.writer).run(), memory_bus.consume(shop.ledger, heard)):
        async with shop.database.transaction() as slow:
            await slow.execute(
                text(
                    "INSERT INTO outbox (id, type, subject, sequence, data, occurred_at) "
                    "VALUES (gen_random_uuid(), 'tradewind.shop.thing-sold.v1', 'thing', 1, "
                    """'{"number": 1}', now())"""
                )
            )
            await shop.sell(2)
            await eventually(lambda: heard.numbers == {2: 1})
        await eventually(lambda: heard.numbers == {1: 1, 2: 1})
    stored = await shop.rows("SELECT data FROM outbox ORDER BY position")
    assert [row.data["number"] for row in stored] == [1, 2]


async def test_event_that_appears_far_behind_the_others_is_found(
    shop: Any, memory_bus: Any, beside: Any, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Floor, "SECONDS", 0.3)
    await shop.execute("ALTER TABLE outbox ALTER position RESTART WITH 1000")
    relay = Relay(shop.database, memory_bus, shop.writer)
    async with beside(relay.run(), memory_bus.consume(shop.ledger, heard)):
        await shop.sell(1, 2)
        await eventually(partial(heard.has, 2))
        await eventually(lambda: relay._floor.position >= 1001)
        await shop.execute("ALTER TABLE outbox ALTER position RESTART WITH 7")
        await shop.sell(3)
        await eventually(partial(heard.has, 3), seconds=5)


def test_floor_follows_what_was_sent_a_while_ago_and_yields_once_in_a_while() -> None:
    floor, looks = Floor(), []
    for now in range(0, 100, 10):
        looks.append(floor.look_from(now))
        floor.sent(now)
    assert looks == [0, 0, 0, 0, 0, 0, 0, 20, 20, 0]


async def test_more_than_a_batch_is_published_without_a_pause(
    shop: Any, memory_bus: Any, beside: Any, heard: Any
) -> None:
    await shop.sell(*range(100))
    relay = Relay(shop.database, memory_bus, shop.writer, batch=10)
    async with beside(relay.run(), memory_bus.consume(shop.ledger, heard)):
        await eventually(lambda: len(heard.envelopes) == 100, seconds=4)


async def test_outbox_waits_while_the_broker_is_away(shop: Any, beside: Any, heard: Any, tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path / "nats").start()
    bus = NatsBus(BrokerSettings(url=server.url), "shop")
    async with bus.lifespan():
        await bus.ensure_stream(shop.manifest)
        async with beside(Relay(shop.database, bus, shop.writer).run(), bus.consume(shop.ledger, heard)):
            await shop.sell(1)
            await eventually(lambda: heard.numbers[1])
            await eventually(shop.drained)
            server.stop()
            await shop.sell(2, 3)
            await shop.sell(4)
            assert await shop.unsent() == 3
            with EmbeddedNats(tmp_path / "nats", port=server.port):
                await eventually(lambda: set(heard.numbers) == {1, 2, 3, 4})
                await eventually(shop.drained)


async def test_event_that_is_refused_does_not_hold_up_the_others(
    shop: Any, nats_bus: Any, beside: Any, heard: Any
) -> None:
    await shop.sell_quietly(0, words="x" * 2_000_000)
    async with beside(Relay(shop.database, nats_bus, shop.writer).run(), nats_bus.consume(shop.ledger, heard)):
        await shop.sell(1)
        await eventually(lambda: heard.numbers[1])
        await eventually(shop.sent)
    assert await shop.unsent() == 1


async def test_gauges_show_what_waits(shop: Any, beside: Any) -> None:
    await shop.sell_quietly(1, age_seconds=100)
    await shop.sell_quietly(2)
    without_stream = MemoryBus("shop")
    async with beside(Relay(shop.database, without_stream, shop.writer).run()):
        await eventually(lambda: 100 <= sample("tradewind_outbox_oldest_seconds") < 130)
    assert sample("tradewind_outbox_unsent") == 2


async def test_another_relay_takes_over_when_the_session_of_the_active_one_ends(
    shop: Any, open_shop: Any, memory_bus: Any, beside: Any, heard: Any
) -> None:
    other = await open_shop()
    relays = [Relay(each.database, memory_bus, each.writer).run() for each in (shop, other)]
    async with beside(*relays, memory_bus.consume(shop.ledger, heard)):
        for number in range(4):
            await eventually(shop.active_relays)
            [pid] = await shop.active_relays()
            await shop.execute("SELECT pg_terminate_backend(:pid)", pid=pid)
            await shop.sell(number)
            await eventually(partial(heard.has, number), seconds=3)


async def test_relay_frees_its_lock_when_it_is_stopped(shop: Any, memory_bus: Any, beside: Any) -> None:
    async with beside(Relay(shop.database, memory_bus, shop.writer).run()):
        await eventually(shop.active_relays)

    async def nobody() -> bool:
        return not await shop.active_relays()

    await eventually(nobody)


async def test_two_active_relays_are_harmless(
    shop: Any, open_shop: Any, memory_bus: Any, beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = repeated()
    locks = iter((1, 2))
    monkeypatch.setattr("chassis.relay.lock_key", lambda _name: next(locks))  # Each believes that it is alone.
    both_publish = asyncio.Barrier(2)
    publish = memory_bus.publish

    async def publish_together(envelopes: Any) -> None:
        if not met.is_set():  # The first to come waits for the other, who finds the same events unsent.
            await both_publish.wait()
            met.set()
        await publish(envelopes)

    met = asyncio.Event()
    monkeypatch.setattr(memory_bus, "publish", publish_together)
    other = await open_shop()
    relays = [Relay(each.database, memory_bus, each.writer, batch=7).run() for each in (shop, other)]
    inbox = Inbox(shop.database, "ledger", shop.note)
    async with beside(*relays, inbox.consume(memory_bus, shop.ledger)):
        for number in range(0, 200, 4):
            await shop.sell(*range(number, number + 4))
        assert len(await shop.active_relays()) == 2
        await eventually(shop.drained)

        async def everything_happened() -> bool:
            return bool(await shop.happened() == 200)

        await eventually(everything_happened)
        await eventually(lambda: repeated() > before)
    assert await shop.count("effects") == 200


# Real processes, killed.


async def test_relay_killed_in_its_batches_loses_nothing_and_repeats_no_effect(
    shop: Any, forgetful_bus: Any, beside: Any, spawn: Any, broker_settings: Any, empty_database: DatabaseSettings
) -> None:
    arguments = empty_database.url.get_secret_value(), broker_settings.url
    inbox = Inbox(shop.database, "ledger", shop.note)
    before = repeated()
    async with beside(inbox.consume(forgetful_bus, shop.ledger)):
        async with beside(sell_on(shop)):
            for role in ("mortal-relay", "relay", "mortal-relay"):
                relay = spawn(role, *arguments)
                await sent_more(shop)
                if role == "relay":
                    relay.send_signal(signal.SIGKILL)
                await eventually(lambda ended=relay: ended.poll() == -signal.SIGKILL)  # type: ignore[misc]
        spawn("relay", *arguments)
        await everything_happens(shop)
    assert await shop.count("effects") == await shop.count("outbox")
    assert repeated() - before >= 20, "Nothing was published twice, so nothing was proved."


@pytest.fixture
async def forgetful_bus(broker_settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NatsBus]:
    """A broker that forgets ids at once, as every broker does after a while."""
    monkeypatch.setattr("chassis.nats_bus.DUPLICATE_WINDOW_SECONDS", 0.1)
    bus = NatsBus(broker_settings, "shop")
    async with bus.lifespan():
        await bus.ensure_stream(Manifest(name="shop", summary="Tells."))
        yield bus


async def test_another_process_takes_over_within_a_second_of_a_kill(
    shop: Any, nats_bus: Any, spawn: Any, broker_settings: Any, empty_database: DatabaseSettings
) -> None:
    arguments = empty_database.url.get_secret_value(), broker_settings.url
    active = spawn("relay", *arguments)
    await eventually(shop.active_relays)
    spawn("relay", *arguments)

    async def two_candidates() -> bool:
        where = "pg_stat_activity WHERE application_name = 'shop-relay' AND datname = current_database()"
        return bool(await shop.count(where) == 2)

    await eventually(two_candidates)
    active.send_signal(signal.SIGKILL)
    started = asyncio.get_running_loop().time()
    await shop.sell(1)
    await eventually(shop.drained)
    assert asyncio.get_running_loop().time() - started < 1


async def test_broker_killed_and_restarted_loses_nothing_and_repeats_no_effect(
    shop: Any, beside: Any, tmp_path: Path
) -> None:
    server = EmbeddedNats(tmp_path / "nats").start()
    bus = NatsBus(BrokerSettings(url=server.url), "shop")
    inbox = Inbox(shop.database, "ledger", shop.note)
    async with bus.lifespan():
        await bus.ensure_stream(shop.manifest)
        relay = Relay(shop.database, bus, shop.writer, batch=20)
        async with beside(relay.run(), inbox.consume(bus, shop.ledger)):
            async with beside(sell_on(shop)):
                for _ in range(3):
                    await sent_more(shop)
                    assert server._process is not None
                    server._process.kill()
                    server.stop()
                    server = EmbeddedNats(tmp_path / "nats", port=server.port).start()
            await everything_happens(shop)
    server.stop()
    assert await shop.count("effects") == await shop.count("outbox")


async def sent_more(shop: Any) -> None:
    """Wait until a relay is in the middle of its work."""
    before = await shop.sent()

    async def enough() -> bool:
        return bool(await shop.sent() > before)

    await eventually(enough, seconds=20)


async def everything_happens(shop: Any) -> None:
    async def all_of_it() -> bool:
        return bool(await shop.happened() == await shop.count("outbox"))

    # An event that was in the hands of a killed broker's client comes again after half a minute at the latest.
    await eventually(all_of_it, seconds=45)
    await eventually(shop.drained)
