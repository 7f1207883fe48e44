"""The port to the broker: publish envelopes, consume them under a durable name.

Adapters: ``nats_bus`` (JetStream) and ``memory_bus`` (unit tests). Every one of them promises exactly this, and one
contract suite runs against all:

- ``publish`` returns when every event is durable. Delivery is at least once, order is not promised.
- Consumers of one name and service share the work; those of different names each get everything of their types.
- A handler that returns has finished the event. One that raises, or dies, gets it again some time later: when, and how
  often it was tried, is the broker's affair. Retries with pauses and dead letters are therefore ours (``inbox``), and
  an adapter for RabbitMQ or Kafka needs neither delayed negative acknowledgements nor delivery counts.
- A consumer whose stream does not exist yet waits for it.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, Self
from uuid import UUID

from chassis import context, logs, tracing
from chassis.errors import ServiceError, UnavailableError
from chassis.events import Envelope
from chassis.manifest import Hear, Manifest, event_type

Handle = Callable[[Envelope], Awaitable[None]]
"""Takes one event, with the event's trace as the current context."""

_log = logs.get("bus")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is no event: what came, and why nobody can read it."""

    raw: bytes
    error: str


Refuse = Callable[[Unreadable], Awaitable[None]]
"""Takes what cannot be read and returns when it is safe to forget it."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads what: a name that is durable, the producing service, and the full types of its events.

    ``name`` is unique within the reading service; ``concurrency`` is how many events one process handles at a time.
    """

    name: str
    service: str
    types: tuple[str, ...]
    concurrency: int = 10

    @classmethod
    def of(cls, hear: Hear, *, concurrency: int = 10) -> Self:
        """Make the consumer that a manifest's ``hears`` entry describes."""
        types = tuple(event_type(hear.service, event) for event in hear.events)
        return cls(name=hear.consumer, service=hear.service, types=types, concurrency=concurrency)


class PublishError(UnavailableError):
    """Not every event became durable; publishing again is safe. ``taken`` holds the ids of those that did."""

    code = "broker-unavailable"
    title = "The broker cannot be reached"

    def __init__(self, detail: str, *, taken: frozenset[UUID] = frozenset()) -> None:
        super().__init__(detail)
        self.taken = taken


class BrokerAwayError(UnavailableError):
    """The broker cannot be reached, or refuses; asking again later is safe."""

    code = "broker-unavailable"
    title = "The broker cannot be reached"


class EventBus(Protocol):
    """What a service needs of a broker."""

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Connect in the background and stay connected for the block; it begins without the broker."""
        ...

    async def check(self) -> None:
        """Return if the broker can be used now.

        Raises:
            BrokerAwayError: It cannot.
        """
        ...

    async def ensure_stream(self, manifest: Manifest) -> None:
        """Create, or bring up to date, what keeps the events that a service tells. Safe to repeat.

        Raises:
            BrokerAwayError: It could not be done now.
        """
        ...

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when all of ``envelopes`` are durable; one call for many is much faster than many calls.

        Raises:
            PublishError: Some are not, or nobody knows.
        """
        ...

    async def consume(self, consumer: Consumer, handle: Handle, refuse: Refuse | None = None) -> None:
        """Hand events to ``handle`` until cancelled; without ``refuse`` what is unreadable is logged and forgotten."""
        ...


async def deliver(raw: bytes, handle: Handle, refuse: Refuse | None = None) -> None:
    """Read one message and hand it on, as a child of the trace that it belongs to. For adapters."""
    try:
        envelope = Envelope.from_json(raw)
    except ValueError as error:
        await (refuse or _forget)(Unreadable(raw, str(error)))
        return
    work = context.continue_trace(envelope.traceparent)
    with context.working(work), tracing.span(f"process {envelope.type}", "consumer"):
        await handle(envelope)


def log_return(consumer: str, error: Exception) -> None:
    """Note that an event will come again; with a stack trace where nobody expected the failure. For adapters."""
    unexpected = not isinstance(error, ServiceError)
    _log.warning("event comes again", consumer=consumer, error=f"{type(error).__name__}: {error}", exc_info=unexpected)


async def _forget(message: Unreadable) -> None:
    _log.error("unreadable message dropped", error=message.error, bytes=len(message.raw))
