"""The parts of messaging that need no broker and no database."""

import asyncio
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from chassis import context
from chassis.bus import Consumer, PublishError, Unreadable, deliver, log_return
from chassis.errors import ConflictError
from chassis.events import Envelope
from chassis.failures import describe
from chassis.ids import uuid7
from chassis.manifest import Hear, Manifest
from chassis.memory_bus import MemoryBus
from chassis.nats_bus import NatsBus
from chassis.nats_reader import _pause_seconds
from chassis.settings import BrokerSettings

pytestmark = pytest.mark.anyio


def envelope(**members: object) -> Envelope:
    event = Envelope(id=uuid7(), type="tradewind.shop.thing-sold.v1", source="/shop", subject="1", data={"n": 1})
    return Envelope(**{name: members.get(name, getattr(event, name)) for name in Envelope.__slots__})  # type: ignore[arg-type]


def test_consumer_is_what_the_manifest_says_it_hears() -> None:
    hear = Hear(service="shop", events=["thing-sold", "thing-lost"], consumer="ledger")
    assert Consumer.of(hear, concurrency=3) == Consumer(
        name="ledger",
        service="shop",
        types=("tradewind.shop.thing-sold.v1", "tradewind.shop.thing-lost.v1"),
        concurrency=3,
    )


def test_publish_error_is_temporary_and_knows_what_was_taken() -> None:
    taken = frozenset({UUID(int=1)})
    error = PublishError("The stream is full.", taken=taken)
    assert (error.code, error.detail, error.taken) == ("broker-unavailable", "The stream is full.", taken)


async def test_handler_works_as_a_child_of_the_events_trace() -> None:
    cause = context.WorkContext(sampled=True)
    seen: list[context.WorkContext] = []

    async def handle(_envelope: Envelope) -> None:
        seen.append(context.current())

    await deliver(envelope(traceparent=cause.traceparent).to_json(), handle)
    assert (seen[0].trace_id, seen[0].sampled) == (cause.trace_id, True)
    assert seen[0].span_id != cause.span_id
    assert context.started() is None


@pytest.mark.parametrize("traceparent", [None, "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
async def test_event_without_a_trace_begins_one(traceparent: str | None) -> None:
    seen: list[str] = []

    async def handle(_envelope: Envelope) -> None:
        seen.append(context.current().trace_id)

    for _ in range(2):
        await deliver(envelope(traceparent=traceparent).to_json(), handle)
    assert len(set(seen)) == 2
    assert "0" * 32 not in seen


async def test_unreadable_message_goes_to_refuse_and_not_to_the_handler() -> None:
    refused: list[Unreadable] = []

    async def handle(_envelope: Envelope) -> None:
        pytest.fail("There was nothing to handle.")

    async def refuse(message: Unreadable) -> None:
        refused.append(message)

    await deliver(b'{"specversion": "1.0"}', handle, refuse)
    assert refused[0].raw == b'{"specversion": "1.0"}'
    assert "not a CloudEvent" in refused[0].error


async def test_unreadable_message_that_nobody_takes_is_logged_without_its_content() -> None:
    with capture_logs() as lines:
        await deliver(b"secret", pytest.fail)  # type: ignore[arg-type]
    assert [(line["log_level"], line["bytes"]) for line in lines] == [("error", 6)]
    assert "secret" not in str(lines)


def test_stack_trace_is_logged_for_what_nobody_foresaw_only() -> None:
    with capture_logs() as lines:
        log_return("ledger", ConflictError("Not now."))
        log_return("ledger", KeyError("bug"))
    assert [bool(line["exc_info"]) for line in lines] == [False, True]


def test_error_is_described_in_a_form_that_fits_its_column() -> None:
    assert describe(ValueError("a\0b")) == "ValueError: ab"
    assert len(describe(ValueError("x" * 10_000))) == 2000


def test_pause_before_a_redelivery_grows_to_half_a_minute() -> None:
    pauses = [_pause_seconds(deliveries) for deliveries in (1, 3, 5, 1_000_000)]
    assert pauses == sorted(pauses)
    assert 0.25 <= pauses[0] <= 0.5
    assert 15 <= pauses[-1] <= 30


@pytest.mark.parametrize("url", ["nats://127.0.0.1:port", "nats://127.0.0.1:99999"])
def test_address_that_is_none_is_found_at_start(url: str) -> None:
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        NatsBus(BrokerSettings(url=url), "shop")


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("nats://a:1", [("a", 1)]),
        ("a", [("a", 4222)]),
        ("nats://a:1, b:2", [("a", 1), ("b", 2)]),
    ],
)
def test_one_or_several_servers_can_be_named(url: str, ports: list[tuple[str, int]]) -> None:
    assert NatsBus(BrokerSettings(url=url), "shop")._ports == ports


async def test_buses_of_services_share_a_broker_in_memory_only_if_they_are_given_one() -> None:
    shop = Manifest(name="shop", summary="Tells.")
    first, second = MemoryBus("shop"), MemoryBus("shop")
    await first.ensure_stream(shop)
    await first.publish([envelope()])
    with pytest.raises(PublishError):
        await second.publish([envelope()])
    together = MemoryBus("books", broker=first.broker)
    got = asyncio.Event()

    async def handle(_envelope: Envelope) -> None:
        got.set()

    consumer = Consumer(name="ledger", service="shop", types=("tradewind.shop.thing-sold.v1",))
    task = asyncio.create_task(together.consume(consumer, handle))
    await got.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
