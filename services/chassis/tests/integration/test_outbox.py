"""Into the outbox: an event is told if and only if its change is committed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import nats
import pytest
from sqlalchemy import text

from chassis import context
from chassis.embedded import EmbeddedNats
from chassis.events import EventData, Message
from chassis.outbox import EventTooLargeError, Writer, record, republish
from chassis.relay import Floor, Relay
from chassis.testing import eventually

pytestmark = pytest.mark.anyio

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Document(EventData):
    name = "document-written"
    words: str


async def test_events_are_stored_with_the_change(shop: Any) -> None:
    work = context.WorkContext()
    with context.working(work):
        await shop.sell(1, 2)
    rows = await shop.rows("SELECT type, subject, sequence, data, traceparent, sent_at FROM outbox ORDER BY position")
    assert [tuple(row) for row in rows] == [
        ("tradewind.shop.thing-sold.v1", f"thing-{number}", 1, {"number": number}, work.traceparent, None)
        for number in (1, 2)
    ]


async def test_nothing_is_told_of_a_change_that_is_rolled_back(shop: Any) -> None:
    async def change_ones_mind() -> None:
        async with shop.database.transaction() as session:
            record(session, shop.message(1))
            raise RuntimeError("after all not")

    with pytest.raises(RuntimeError, match="after all not"):
        await change_ones_mind()
    assert await shop.count("outbox") == 0


async def test_commit_wakes_the_relay_only_if_it_tells_something(shop: Any) -> None:
    woken = asyncio.Event()
    with shop.writer.bell.answered(woken.set):
        async with shop.database.transaction() as session:
            await session.execute(text("SELECT 1"))
        assert not woken.is_set()
        await shop.sell(1)
        assert woken.is_set()


async def test_event_that_no_broker_would_take_fails_its_own_request(shop: Any) -> None:
    with pytest.raises(EventTooLargeError):
        async with shop.database.transaction() as session:
            record(session, Message(Document(words="x" * 300_000), subject="1", sequence=1))
    assert await shop.count("outbox") == 0


async def test_what_aggregates_did_is_told_as_the_service_maps_it(shop: Any) -> None:
    class Aggregate:
        def __init__(self, *events: object) -> None:
            self.events = list(events)

    class SessionWith:
        def __init__(self, *aggregates: Aggregate) -> None:
            self.new, self.identity_map, self.info = aggregates[:1], dict(enumerate(aggregates[1:])), dict[str, Any]()
            self.sync_session = session.sync_session

    added, loaded, idle = Aggregate(1, "secret"), Aggregate(2), Aggregate()
    writer = Writer(service="shop", publish=lambda event: None if event == "secret" else shop.message(event))
    async with shop.database.transaction() as session:
        await writer(SessionWith(added, loaded, idle))  # type: ignore[arg-type]
    assert added.events == loaded.events == []
    assert [row.subject for row in await shop.rows("SELECT subject FROM outbox ORDER BY 1")] == ["thing-1", "thing-2"]


async def test_lost_stream_is_published_again(shop: Any, beside: Any, heard: Any, nats_bus: Any, nats_url: str) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=1)
    async with beside(Relay(shop.database, nats_bus, shop.writer).run()):
        await shop.sell(1, 2, 3)
        await eventually(shop.drained)
        client = await nats.connect(nats_url)
        await client.jetstream().delete_stream("tradewind-shop")
        await client.close()
        await nats_bus.ensure_stream(shop.manifest)
        async with beside(nats_bus.consume(shop.ledger, heard)):
            assert await republish(shop.database, begun) == 3
            await eventually(lambda: heard.numbers == {1: 1, 2: 1, 3: 1})


@pytest.fixture
def nats_url(nats: EmbeddedNats) -> str:
    return nats.url


async def test_relay_is_told_to_look_behind_what_it_has_sent(
    shop: Any, memory_bus: Any, beside: Any, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Floor, "look_from", lambda floor, _now: floor._highest)
    relay = Relay(shop.database, memory_bus, shop.writer)
    async with beside(relay.run(), memory_bus.consume(shop.ledger, heard)):
        await shop.sell(1, 2)
        await eventually(shop.drained)
        await republish(shop.database, LONG_AGO)
        await eventually(lambda: heard.numbers == {1: 2, 2: 2})


async def test_only_what_was_told_since_then_is_published_again(shop: Any, memory_bus: Any, beside: Any) -> None:
    await shop.sell_quietly(1, age_seconds=3600)
    await shop.sell_quietly(2)
    async with beside(Relay(shop.database, memory_bus, shop.writer).run()):
        await eventually(shop.drained)
    assert await republish(shop.database, datetime.now(UTC) - timedelta(minutes=30)) == 1
    assert [row.data["number"] for row in await shop.rows("SELECT data FROM outbox WHERE sent_at IS NULL")] == [2]


async def test_time_without_a_zone_is_utc(shop: Any, memory_bus: Any, beside: Any) -> None:
    await shop.sell(1)
    async with beside(Relay(shop.database, memory_bus, shop.writer).run()):
        await eventually(shop.drained)
    assert await republish(shop.database, LONG_AGO.replace(tzinfo=None)) == 1


async def test_republishing_ends_although_the_relay_sends_again_meanwhile(
    shop: Any, memory_bus: Any, beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep_the_relay_awake() -> None:
        while True:
            await shop.sell(0)

    monkeypatch.setattr("chassis.outbox._REPUBLISH_ROWS", 5)
    await shop.sell(*range(50))
    async with beside(Relay(shop.database, memory_bus, shop.writer).run()):
        await eventually(shop.drained)
        async with beside(keep_the_relay_awake()), asyncio.timeout(20):
            assert 50 <= await republish(shop.database, LONG_AGO) < 100


async def test_what_was_never_sent_is_not_republished(shop: Any) -> None:
    await shop.sell(1)
    assert await republish(shop.database, LONG_AGO) == 0
