"""The broker as a Python object: for unit tests, gone with the process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from chassis.bus import Consumer, Handle, PublishError, Refuse, deliver, log_return
from chassis.events import Envelope
from chassis.manifest import Manifest


@dataclass(slots=True)
class _Group:
    """One durable consumer: what its members still have to take."""

    types: tuple[str, ...]
    waiting: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)


@dataclass(slots=True)
class _Stream:
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    groups: dict[str, _Group] = field(default_factory=dict)


class MemoryBroker:
    """What several ``MemoryBus`` of one test share."""

    def __init__(self) -> None:
        self.streams: dict[str, _Stream] = {}
        self.changed = asyncio.Condition()

    def put(self, service: str, kind: str, raw: bytes) -> None:
        """Store one message of any content, readable or not, and hand it to the groups that want its type."""
        stream = self.streams[service]
        stream.messages.append((kind, raw))
        for group in stream.groups.values():
            if kind in group.types:
                group.waiting.put_nowait(raw)


class MemoryBus:
    """An ``EventBus`` for one service.

    Args:
        service: Whose bus it is: durable names of different services never meet.
        broker: Shared with the buses of other services; absent, one of its own.
        redelivery_seconds: After how long a failed event comes again.
    """

    def __init__(self, service: str, *, broker: MemoryBroker | None = None, redelivery_seconds: float = 0.01) -> None:
        self._service = service
        self.broker = broker or MemoryBroker()
        self._redelivery_seconds = redelivery_seconds

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Nothing to connect to."""
        yield

    async def check(self) -> None:
        """It is always there."""

    async def ensure_stream(self, manifest: Manifest) -> None:
        """Make room for the events of one service."""
        async with self.broker.changed:
            self.broker.streams.setdefault(manifest.name, _Stream())
            self.broker.changed.notify_all()

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Store and hand out ``envelopes``.

        Raises:
            PublishError: There is no stream for one of them.
        """
        taken: set[UUID] = set()
        for envelope in envelopes:
            service = envelope.type.split(".")[1]
            if service not in self.broker.streams:
                raise PublishError(f"There is no stream for {envelope.type}.", taken=frozenset(taken))
            self.broker.put(service, envelope.type, envelope.to_json())
            taken.add(envelope.id)

    async def consume(self, consumer: Consumer, handle: Handle, refuse: Refuse | None = None) -> None:
        """Hand events to ``handle`` until cancelled."""
        group = await self._group(consumer)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(consumer.concurrency):
                tasks.create_task(self._work(group, handle, refuse))

    async def _group(self, consumer: Consumer) -> _Group:
        async with self.broker.changed:
            await self.broker.changed.wait_for(lambda: consumer.service in self.broker.streams)
        stream = self.broker.streams[consumer.service]
        name = f"{self._service}-{consumer.name}"
        if name not in stream.groups:
            group = stream.groups[name] = _Group(consumer.types)
            for kind, raw in stream.messages:
                if kind in group.types:
                    group.waiting.put_nowait(raw)
        return stream.groups[name]

    async def _work(self, group: _Group, handle: Handle, refuse: Refuse | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            raw = await group.waiting.get()
            try:
                await deliver(raw, handle, refuse)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises, the event has to come again
                log_return(self._service, error)
                loop.call_later(self._redelivery_seconds, group.waiting.put_nowait, raw)
            except asyncio.CancelledError:
                group.waiting.put_nowait(raw)
                raise
