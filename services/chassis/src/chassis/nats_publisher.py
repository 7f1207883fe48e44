"""Publishing to JetStream in batches: everything is sent, then every acknowledgement is awaited together.

nats-py's own ``publish_async`` never resolves the future of a message that the server refuses (its reply handler
raises instead), and makes a future and a semaphore's turn for each message; this keeps one future for a batch.

Source: JetStream API, publish acknowledgements (``PubAck``); a reply with status 503 means that no stream listens.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis.bus import PublishError
from chassis.events import Envelope
from chassis.nats_errors import NATS_ERRORS

_ACKNOWLEDGE_SECONDS = 5


class _Batch:
    """What is still unknown of one call."""

    __slots__ = ("finished", "open", "refusal", "sealed", "taken")

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.sealed = False
        self.taken: set[UUID] = set()
        self.refusal = ""
        self.finished = asyncio.Event()

    def settle(self, token: str) -> None:
        self.open.discard(token)
        if self.sealed and not self.open:
            self.finished.set()


class Publisher:
    """Publishes over one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._count = 0
        self._waiting: dict[str, tuple[_Batch, UUID]] = {}

    async def open(self) -> None:
        """Listen for acknowledgements."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._acknowledge)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when every event is on the server's disk.

        Raises:
            PublishError: One was refused, or not acknowledged in time, or the connection went away.
        """
        batch = _Batch()
        try:
            for envelope in envelopes:
                await self._send(envelope, batch)
            batch.sealed = True
            _stop_if_cancelled()
            await self._wait(batch)
        finally:
            for token in batch.open:
                self._waiting.pop(token, None)
        if len(batch.taken) < len(envelopes):
            reason = batch.refusal or "there was no acknowledgement"
            raise PublishError(f"The broker did not take every event: {reason}.", taken=frozenset(batch.taken))

    def abandon(self, reason: str = "the connection was lost") -> None:
        """Stop waiting for acknowledgements that will not come."""
        for batch, _ in self._waiting.values():
            batch.refusal = batch.refusal or reason
            batch.finished.set()

    async def _send(self, envelope: Envelope, batch: _Batch) -> None:
        self._count += 1
        token = str(self._count)
        self._waiting[token] = batch, envelope.id
        batch.open.add(token)
        try:
            await self._client.publish(
                envelope.type,
                envelope.to_json(),
                reply=f"{self._inbox}.{token}",
                headers={"Nats-Msg-Id": str(envelope.id)},
            )
        except NATS_ERRORS as error:
            self._waiting.pop(token, None)
            batch.refusal = f"{error}"
            batch.settle(token)

    async def _wait(self, batch: _Batch) -> None:
        if batch.open and self._client.is_connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(_ACKNOWLEDGE_SECONDS):
                    await batch.finished.wait()

    async def _acknowledge(self, message: Msg) -> None:
        token = message.subject.rpartition(".")[2]
        batch, identity = self._waiting.pop(token, (None, None))
        if batch is None or identity is None:
            return
        if refusal := _refusal(message):
            batch.refusal = refusal
        else:
            batch.taken.add(identity)
        batch.settle(token)


def _refusal(message: Msg) -> str:
    """Return why the server did not take a message, empty where it did."""
    if message.headers and message.headers.get("Status") == "503":
        return "there is no stream for it"
    answer = orjson.loads(message.data)
    error = answer.get("error")
    return str(error.get("description", error)) if error else ""


def _stop_if_cancelled() -> None:
    """Go on being cancelled: nats-py swallows a cancellation that arrives while it flushes a full buffer."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
