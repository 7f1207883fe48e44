"""What every adapter of the event bus promises, and what the one for NATS promises besides."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import nats
import pytest
from nats.aio.client import Client
from pydantic import SecretStr

from chassis import context
from chassis.bus import BrokerAwayError, Consumer, EventBus, Handle, PublishError, Refuse, Unreadable
from chassis.embedded import EmbeddedNats
from chassis.events import Envelope
from chassis.ids import uuid7
from chassis.manifest import Hear, Manifest, Owns
from chassis.memory_bus import MemoryBroker, MemoryBus
from chassis.nats_bus import NatsBus
from chassis.nats_reader import Reader
from chassis.nats_users import permissions
from chassis.settings import BrokerSettings
from chassis.tasks import end
from chassis.testing import eventually

pytestmark = pytest.mark.anyio

SHOP = Manifest(name="shop", summary="Tells.", owns=Owns(stream=True))
SOLD = "tradewind.shop.thing-sold.v1"
LOST = "tradewind.shop.thing-lost.v1"
LEDGER = Consumer(name="ledger", service="shop", types=(SOLD,))

OpenBus = Callable[[str], Awaitable[EventBus]]


def envelope(kind: str = SOLD, **data: Any) -> Envelope:
    return Envelope(id=uuid7(), type=kind, source="/shop", subject="thing-1", data=data, sequence=3)


@asynccontextmanager
async def consuming(
    bus: EventBus, handle: Handle, consumer: Consumer = LEDGER, refuse: Refuse | None = None
) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.consume(consumer, handle, refuse))
    try:
        yield
    finally:
        await end(task)


class Seen:
    """A handler that remembers what it got."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def __call__(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    @property
    def ids(self) -> Counter[UUID]:
        return Counter(each.id for each in self.envelopes)


@pytest.fixture(params=["memory", "nats"])
def adapter(request: pytest.FixtureRequest) -> Callable[[str], EventBus]:
    if request.param == "memory":
        broker = MemoryBroker()
        return lambda service: MemoryBus(service, broker=broker)
    settings: BrokerSettings = request.getfixturevalue("broker_settings")
    return lambda service: NatsBus(settings, service)


@pytest.fixture
async def open_bus(adapter: Callable[[str], EventBus]) -> AsyncIterator[OpenBus]:
    async with AsyncExitStack() as stack:

        async def open_one(service: str) -> EventBus:
            bus = adapter(service)
            await stack.enter_async_context(bus.lifespan())
            return bus

        yield open_one


@pytest.fixture
async def shop(open_bus: OpenBus) -> EventBus:
    bus = await open_bus("shop")
    await bus.ensure_stream(SHOP)
    return bus


# What every adapter promises.


async def test_event_arrives_as_it_was_published(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()
    event = envelope(thing="ship", count=2)
    async with consuming(await open_bus("books"), seen):
        await shop.publish([event])
        await eventually(lambda: seen.envelopes)
    assert seen.envelopes == [event]


async def test_many_events_of_one_call_all_arrive(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()
    events = [envelope(number=number) for number in range(300)]
    async with consuming(await open_bus("books"), seen):
        await shop.publish(events)
        await eventually(lambda: len(seen.ids) == 300)
    assert seen.ids == Counter(each.id for each in events)


async def test_only_asked_for_types_arrive(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()
    async with consuming(await open_bus("books"), seen):
        await shop.publish([envelope(LOST), envelope(SOLD), envelope(LOST), envelope(SOLD)])
        await eventually(lambda: len(seen.envelopes) == 2)
    assert {each.type for each in seen.envelopes} == {SOLD}


async def test_consumer_of_several_types_gets_them_all(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()
    async with consuming(await open_bus("books"), seen, replace(LEDGER, types=(SOLD, LOST))):
        await shop.publish([envelope(LOST), envelope(SOLD)])
        await eventually(lambda: len(seen.envelopes) == 2)


async def test_members_of_one_consumer_share_the_events(shop: EventBus, open_bus: OpenBus) -> None:
    first, second = Seen(), Seen()
    async with consuming(await open_bus("books"), first), consuming(await open_bus("books"), second):
        for _ in range(20):
            await shop.publish([envelope() for _ in range(10)])
        await eventually(lambda: len(first.envelopes) + len(second.envelopes) >= 200)
    assert len(first.ids + second.ids) == 200
    assert max((first.ids + second.ids).values()) == 1


async def test_consumers_of_different_names_each_get_everything(shop: EventBus, open_bus: OpenBus) -> None:
    books = await open_bus("books")
    first, second = Seen(), Seen()
    async with consuming(books, first), consuming(books, second, replace(LEDGER, name="audit")):
        await shop.publish([envelope()])
        await eventually(lambda: first.envelopes and second.envelopes)


async def test_services_do_not_share_a_consumer_of_the_same_name(shop: EventBus, open_bus: OpenBus) -> None:
    first, second = Seen(), Seen()
    async with consuming(await open_bus("books"), first), consuming(await open_bus("taxes"), second):
        await shop.publish([envelope()])
        await eventually(lambda: first.envelopes and second.envelopes)


async def test_event_whose_handler_raises_comes_again(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()

    async def fail_twice(event: Envelope) -> None:
        await seen(event)
        if len(seen.envelopes) < 3:
            raise RuntimeError("not yet")

    event = envelope()
    async with consuming(await open_bus("books"), fail_twice):
        await shop.publish([event])
        await eventually(lambda: len(seen.envelopes) == 3)
    assert seen.ids == {event.id: 3}


async def test_failing_event_does_not_hold_up_the_others(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()
    poison = envelope()

    async def handle(event: Envelope) -> None:
        if event.id == poison.id:
            raise RuntimeError("never")
        await seen(event)

    async with consuming(await open_bus("books"), handle, replace(LEDGER, concurrency=1)):
        await shop.publish([poison, *(envelope() for _ in range(50))])
        await eventually(lambda: len(seen.envelopes) == 50)


async def test_event_of_a_stopped_consumer_goes_to_another(shop: EventBus, open_bus: OpenBus) -> None:
    begun = asyncio.Event()

    async def never_finish(_event: Envelope) -> None:
        begun.set()
        await asyncio.Event().wait()

    seen = Seen()
    events = [envelope() for _ in range(5)]
    async with consuming(await open_bus("books"), never_finish, replace(LEDGER, concurrency=1)):
        await shop.publish(events)
        await begun.wait()
    async with consuming(await open_bus("books"), seen):
        await eventually(lambda: len(seen.ids) == 5)


async def test_concurrency_is_used_and_bounded(shop: EventBus, open_bus: OpenBus) -> None:
    running = most = done = 0

    async def handle(_event: Envelope) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        done += 1

    async with consuming(await open_bus("books"), handle, replace(LEDGER, concurrency=4)):
        await shop.publish([envelope() for _ in range(60)])
        await eventually(lambda: done == 60)
    assert most == 4


async def test_consumer_waits_for_a_stream_that_appears_later(open_bus: OpenBus) -> None:
    seen = Seen()
    async with consuming(await open_bus("books"), seen):
        shop = await open_bus("shop")
        await asyncio.sleep(0.3)
        await shop.ensure_stream(SHOP)
        await shop.publish([envelope()])
        await eventually(lambda: seen.envelopes)


async def test_publishing_without_a_stream_is_an_error(open_bus: OpenBus) -> None:
    bus = await open_bus("shop")
    await ready(bus)
    event = envelope()
    with pytest.raises(PublishError) as refusal:
        await bus.publish([event])
    assert event.id not in refusal.value.taken


async def test_publishing_nothing_does_nothing(shop: EventBus) -> None:
    await shop.publish([])


async def test_stream_can_be_ensured_again(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()
    await shop.publish([envelope()])
    await shop.ensure_stream(SHOP)
    async with consuming(await open_bus("books"), seen):
        await eventually(lambda: seen.envelopes)


async def test_handler_works_in_the_trace_of_the_event(shop: EventBus, open_bus: OpenBus) -> None:
    works: list[context.WorkContext] = []

    async def handle(_event: Envelope) -> None:
        works.append(context.current())

    cause = context.WorkContext()
    async with consuming(await open_bus("books"), handle):
        await shop.publish([replace(envelope(), traceparent=cause.traceparent)])
        await eventually(lambda: works)
    assert works[0].trace_id == cause.trace_id
    assert works[0].span_id != cause.span_id


# What comes of a message that is no event.


async def put_raw(bus: EventBus, raw: bytes) -> None:
    if isinstance(bus, MemoryBus):
        bus.broker.put("shop", SOLD, raw)
    elif isinstance(bus, NatsBus):
        client = await nats.connect(bus._settings.url)
        await client.jetstream().publish(SOLD, raw)
        await client.close()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"text"', b"{}", b"\xff\xfe", b'{"id": 7}'])
async def test_unreadable_message_is_refused_once_and_forgotten(shop: EventBus, open_bus: OpenBus, raw: bytes) -> None:
    seen = Seen()
    refused: list[Unreadable] = []

    async def refuse(message: Unreadable) -> None:
        refused.append(message)

    async with consuming(await open_bus("books"), seen, refuse=refuse):
        await put_raw(shop, raw)
        await eventually(lambda: refused)
        await shop.publish([envelope()])
        await eventually(lambda: seen.envelopes)
    assert [each.raw for each in refused] == [raw]


async def test_unreadable_message_that_cannot_be_kept_comes_again(shop: EventBus, open_bus: OpenBus) -> None:
    refused: list[Unreadable] = []

    async def refuse(message: Unreadable) -> None:
        refused.append(message)
        if len(refused) == 1:
            raise RuntimeError("the database is away")

    async with consuming(await open_bus("books"), Seen(), refuse=refuse):
        await put_raw(shop, b"nonsense")
        await eventually(lambda: len(refused) == 2)


async def test_unreadable_message_is_dropped_where_nobody_keeps_it(shop: EventBus, open_bus: OpenBus) -> None:
    seen = Seen()
    async with consuming(await open_bus("books"), seen, replace(LEDGER, concurrency=1)):
        await put_raw(shop, b"nonsense")
        await shop.publish([envelope()])
        await eventually(lambda: seen.envelopes)


# What NATS promises besides.


async def ready(bus: EventBus) -> None:
    await eventually(partial(is_ready, bus))


async def is_ready(bus: EventBus) -> bool:
    try:
        await bus.check()
    except BrokerAwayError:
        return False
    return True


@pytest.fixture
async def nats_shop(broker_settings: BrokerSettings) -> AsyncIterator[NatsBus]:
    bus = NatsBus(broker_settings, "shop")
    async with bus.lifespan():
        await bus.ensure_stream(SHOP)
        yield bus


@pytest.fixture
async def books(broker_settings: BrokerSettings) -> AsyncIterator[NatsBus]:
    bus = NatsBus(broker_settings, "books")
    async with bus.lifespan():
        yield bus


@pytest.fixture
def break_sending(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have whatever goes to certain subjects fail, a number of times."""
    publish = Client.publish

    def break_it(subject: str, error: Exception, times: int) -> None:
        async def publish_or_raise(self: Client, to: str, *arguments: Any, **options: Any) -> None:
            nonlocal times
            if to.startswith(subject) and times:
                times -= 1
                raise error
            await publish(self, to, *arguments, **options)

        monkeypatch.setattr(Client, "publish", publish_or_raise)

    return break_it


async def test_acknowledgements_that_cannot_be_sent_stop_nobody(
    nats_shop: NatsBus, books: NatsBus, break_sending: Callable[..., None]
) -> None:
    seen = Seen()
    break_sending("$JS.ACK.", ConnectionResetError("Connection lost"), times=LEDGER.concurrency)
    async with consuming(books, seen):
        await nats_shop.publish([envelope() for _ in range(LEDGER.concurrency)])
        await eventually(lambda: len(seen.envelopes) == LEDGER.concurrency)
        await nats_shop.publish([after := envelope()])
        await eventually(lambda: after in seen.envelopes)


async def test_what_ends_one_worker_ends_the_reader(
    nats_shop: NatsBus, books: NatsBus, break_sending: Callable[..., None]
) -> None:
    break_sending("$JS.ACK.", RuntimeError("a mistake"), times=1)
    await nats_shop.publish([envelope()])
    with pytest.raises(RuntimeError, match="a mistake"):
        async with asyncio.timeout(10):
            await books.consume(LEDGER, Seen())


async def test_delivery_that_a_killed_server_repeats_stops_nobody(
    nats_shop: NatsBus, books: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = Reader._receive

    async def receive_twice(self: Reader, message: Any) -> None:
        await receive(self, message)
        await receive(self, message)

    monkeypatch.setattr(Reader, "_receive", receive_twice)
    seen = Seen()
    events = [envelope() for _ in range(5 * LEDGER.concurrency)]
    async with consuming(books, seen):
        await nats_shop.publish(events)
        await eventually(lambda: {each.id for each in events} <= set(seen.ids))


async def test_events_that_cannot_be_sent_are_said_not_to_be_taken(
    nats_shop: NatsBus, break_sending: Callable[..., None]
) -> None:
    await ready(nats_shop)
    lost, taken = envelope(), envelope()
    break_sending(SOLD, ConnectionResetError("Connection lost"), times=1)
    with pytest.raises(PublishError, match="Connection lost") as refusal:
        await nats_shop.publish([lost, taken])
    assert refusal.value.taken == {taken.id}


async def test_bus_can_end_at_any_moment_of_its_connecting(broker_settings: BrokerSettings) -> None:
    async def open_and_close(turns: int) -> None:
        async with NatsBus(broker_settings, "shop").lifespan():
            for _ in range(turns):
                await asyncio.sleep(0)

    async with asyncio.timeout(20):
        await asyncio.gather(*(open_and_close(turns) for turns in range(80)))


@asynccontextmanager
async def raw_client(url: str, **options: Any) -> AsyncIterator[Client]:
    client = await nats.connect(url, **options)
    try:
        yield client
    finally:
        await client.close()


async def test_stream_keeps_seven_days_and_refuses_when_full(nats_shop: NatsBus, nats: EmbeddedNats) -> None:
    async with raw_client(nats.url) as client:
        config = (await client.jetstream().stream_info("tradewind-shop")).config
    assert config.subjects == ["tradewind.shop.>"]
    assert config.max_age == 7 * 24 * 3600
    assert (config.storage, config.discard, config.max_bytes) == ("file", "new", 268_435_456)


async def test_stream_is_brought_up_to_date(nats: EmbeddedNats) -> None:
    for size in (1_048_576, 4_194_304):
        bus = NatsBus(BrokerSettings(url=nats.url, stream_max_bytes=size), "shop")
        async with bus.lifespan():
            await bus.ensure_stream(SHOP)
    async with raw_client(nats.url) as client:
        assert (await client.jetstream().stream_info("tradewind-shop")).config.max_bytes == 4_194_304


async def test_full_stream_refuses_and_says_what_it_took(nats: EmbeddedNats) -> None:
    bus = NatsBus(BrokerSettings(url=nats.url, stream_max_bytes=1_048_576), "shop")
    events = [envelope(text="x" * 100_000) for _ in range(15)]
    async with bus.lifespan():
        await bus.ensure_stream(SHOP)
        with pytest.raises(PublishError, match="maximum bytes exceeded") as refusal:
            await bus.publish(events)
    async with raw_client(nats.url) as client:
        kept = (await client.jetstream().stream_info("tradewind-shop")).state.messages
    assert 0 < kept == len(refusal.value.taken) < 15


async def test_too_large_event_does_not_stop_the_others(nats_shop: NatsBus) -> None:
    large, *small = [envelope(text="x" * 2_000_000), envelope(), envelope()]
    with pytest.raises(PublishError, match="maximum payload") as refusal:
        await nats_shop.publish([large, *small])
    assert refusal.value.taken == {each.id for each in small}


async def test_event_published_twice_is_stored_once(nats_shop: NatsBus, nats: EmbeddedNats) -> None:
    event = envelope()
    await nats_shop.publish([event])
    await nats_shop.publish([event])
    async with raw_client(nats.url) as client:
        assert (await client.jetstream().stream_info("tradewind-shop")).state.messages == 1


async def test_event_in_hand_for_long_is_not_given_to_another(
    nats_shop: NatsBus, books: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "ACK_WAIT_SECONDS", 0.3)
    seen = Seen()

    async def take_long(event: Envelope) -> None:
        await seen(event)
        await asyncio.sleep(1.0)

    async with consuming(books, take_long):
        await nats_shop.publish([envelope()])
        await eventually(lambda: seen.envelopes)
        await asyncio.sleep(1.2)
    assert len(seen.envelopes) == 1


async def test_consumer_goes_on_after_its_stream_was_lost(
    nats_shop: NatsBus, books: NatsBus, nats: EmbeddedNats
) -> None:
    seen = Seen()
    async with consuming(books, seen):
        await nats_shop.publish([envelope()])
        await eventually(lambda: len(seen.envelopes) == 1)
        async with raw_client(nats.url) as client:
            await client.jetstream().delete_stream("tradewind-shop")
        await nats_shop.ensure_stream(SHOP)
        await nats_shop.publish([envelope()])
        await eventually(lambda: len(seen.envelopes) == 2)


async def test_idle_consumer_goes_on_at_once_after_the_server_was_killed(tmp_path: Path) -> None:
    seen = Seen()
    server = EmbeddedNats(tmp_path / "nats").start()
    bus = NatsBus(BrokerSettings(url=server.url), "shop")
    async with bus.lifespan():
        await bus.ensure_stream(SHOP)
        async with consuming(bus, seen):
            await bus.publish([envelope()])
            await eventually(lambda: len(seen.envelopes) == 1)
            await asyncio.sleep(0.1)  # Until everything it wants is asked for again.
            assert server._process is not None
            server._process.kill()
            server.stop()
            with EmbeddedNats(tmp_path / "nats", port=server.port):
                await eventually(partial(published, bus, envelope()))
                await eventually(lambda: len(seen.ids) == 2, seconds=5)


async def published(bus: EventBus, event: Envelope) -> bool:
    try:
        await bus.publish([event])
    except PublishError:
        return False
    return True


async def test_client_that_gave_up_is_replaced(nats_shop: NatsBus) -> None:
    seen = Seen()
    async with consuming(nats_shop, seen):
        await nats_shop.publish([envelope()])
        await eventually(lambda: len(seen.ids) == 1)
        assert nats_shop._client is not None
        await nats_shop._client.close()
        await eventually(partial(published, nats_shop, envelope()))
        await eventually(lambda: len(seen.ids) == 2)


async def test_bus_begins_without_a_server_and_finds_it_later(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path / "nats")
    server.start()
    port = server.port
    server.stop()
    bus = NatsBus(BrokerSettings(url=f"nats://127.0.0.1:{port}"), "shop")
    async with bus.lifespan():
        with pytest.raises(BrokerAwayError):
            await bus.check()
        with pytest.raises(PublishError):
            await bus.publish([envelope()])
        with EmbeddedNats(tmp_path / "nats", port=port):
            await ready(bus)
            await bus.ensure_stream(SHOP)
            await bus.publish([envelope()])


async def test_wrong_password_is_tried_until_it_is_right(tmp_path: Path) -> None:
    def config(password: str) -> str:
        return f'authorization {{ user: shop, password: "{password}" }}'

    with EmbeddedNats(tmp_path / "nats", config=config("old")) as server:
        port = server.port
        settings = BrokerSettings(url=server.url, user="shop", password=SecretStr("new"))
        bus = NatsBus(settings, "shop")
        async with bus.lifespan():
            await eventually(lambda: "uthoriz" in bus._last_complaint)
            server.stop()
            with EmbeddedNats(tmp_path / "nats", config=config("new"), port=port):
                await ready(bus)


async def test_client_that_the_server_has_shut_out_is_replaced(tmp_path: Path) -> None:
    def config(password: str) -> str:
        return f'authorization {{ user: shop, password: "{password}" }}'

    with EmbeddedNats(tmp_path / "nats", config=config("old")) as server:
        file = tmp_path / "nats" / "nats.conf"
        # A reload refuses what would change these, and it does not see the command line.
        same = f'server_name: "{server._name}"\nhost: "127.0.0.1"\nport: {server.port}\n'
        file.write_text(file.read_text() + same)
        bus = NatsBus(BrokerSettings(url=server.url, user="shop", password=SecretStr("old")), "shop")

        async def shut_out() -> bool:
            return not await is_ready(bus)

        async with bus.lifespan():
            await ready(bus)
            for before, after, then in (("old", "new", shut_out), ("new", "old", partial(is_ready, bus))):
                file.write_text(file.read_text().replace(config(before), config(after)))
                assert server.pid is not None
                os.kill(server.pid, signal.SIGHUP)
                await eventually(then)
            await bus.ensure_stream(SHOP)


class TestPermissions:
    """A NATS user may do what its service needs, and nothing else."""

    READER = Manifest(
        name="books",
        summary="Hears.",
        hears=[Hear(service="shop", events=["thing-sold"], consumer="ledger")],
    )

    @pytest.fixture
    def guarded(self, tmp_path: Path) -> Any:
        users = []
        for manifest in (SHOP, self.READER):
            allowed = permissions(manifest)
            lists = ", ".join(f"{verb}: {{ allow: {subjects} }}" for verb, subjects in allowed.items())
            users.append(f'{{ user: {manifest.name}, password: "pw", permissions: {{ {lists} }} }}'.replace("'", '"'))
        config = f"authorization {{ users: [ {', '.join(users)} ] }}"
        with EmbeddedNats(tmp_path / "nats", config=config) as server:
            yield server

    async def test_services_can_work_with_them(self, guarded: EmbeddedNats) -> None:
        shop = NatsBus(BrokerSettings(url=guarded.url, user="shop", password=SecretStr("pw")), "shop")
        books = NatsBus(BrokerSettings(url=guarded.url, user="books", password=SecretStr("pw")), "books")
        seen = Seen()
        failed = False

        async def fail_once(event: Envelope) -> None:
            nonlocal failed
            if not failed:
                failed = True
                raise RuntimeError("once")
            await seen(event)

        async with shop.lifespan(), books.lifespan():
            await shop.ensure_stream(SHOP)
            async with consuming(books, fail_once, Consumer.of(self.READER.hears[0])):
                await shop.publish([envelope()])
                await eventually(lambda: seen.envelopes)
        async with raw_client(guarded.url, user="shop", password="pw", inbox_prefix="_INBOX.shop") as client:
            state = (await client.jetstream().stream_info("tradewind-shop")).state
            assert state.messages == 1

    async def test_nobody_tells_in_the_name_of_another(self, guarded: EmbeddedNats) -> None:
        shop = NatsBus(BrokerSettings(url=guarded.url, user="shop", password=SecretStr("pw")), "shop")
        books = NatsBus(BrokerSettings(url=guarded.url, user="books", password=SecretStr("pw")), "books")
        async with shop.lifespan(), books.lifespan():
            await shop.ensure_stream(SHOP)
            await shop.publish([envelope()])
            await ready(books)
            with pytest.raises(PublishError):
                await books.publish([envelope()])

    @pytest.mark.parametrize(
        ("subject", "allowed"),
        [
            ("_INBOX.books.x", True),
            ("_INBOX.shop.x", False),
            ("tradewind.shop.>", False),
            (">", False),
        ],
    )
    async def test_nobody_listens_beside_its_consumers(
        self, guarded: EmbeddedNats, subject: str, *, allowed: bool
    ) -> None:
        assert await self._permitted(guarded, lambda client: client.subscribe(subject)) == allowed

    @pytest.mark.parametrize(
        ("subject", "allowed"),
        [
            ("$JS.API.CONSUMER.MSG.NEXT.tradewind-shop.books-ledger", True),
            ("$JS.API.CONSUMER.MSG.NEXT.tradewind-shop.taxes-ledger", False),
            ("$JS.API.CONSUMER.CREATE.tradewind-shop.taxes-ledger", False),
            ("$JS.API.STREAM.DELETE.tradewind-shop", False),
            ("$JS.API.STREAM.PURGE.tradewind-shop", False),
            ("$JS.API.STREAM.CREATE.tradewind-shop", False),
        ],
    )
    async def test_nobody_reads_or_keeps_for_another(
        self, guarded: EmbeddedNats, subject: str, *, allowed: bool
    ) -> None:
        assert await self._permitted(guarded, lambda client: client.publish(subject, b"{}")) == allowed

    async def _permitted(self, server: EmbeddedNats, act: Callable[[Client], Awaitable[object]]) -> bool:
        complaints: list[str] = []

        async def complain(error: Exception) -> None:
            complaints.append(str(error))

        options: dict[str, Any] = {"user": "books", "password": "pw", "inbox_prefix": "_INBOX.books"}
        async with raw_client(server.url, error_cb=complain, **options) as client:
            await act(client)
            # The first PING of nats-py overtakes what is still buffered; the second one does not.
            await client.flush()
            await client.flush()
        return not any("permissions violation" in each for each in complaints)
