"""Reading from one durable JetStream consumer: ask ahead, hand to workers, acknowledge.

nats-py's own ``fetch`` asks, waits for the answer and only then lets work begin; here requests overlap with the work,
so the pipe never runs dry, and an event that comes alone is handed on at once.

Source: JetStream API, ``$JS.API.CONSUMER.MSG.NEXT``; ADR-13 (pull subscribe) of nats-architecture-and-design.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis.bus import BrokerAwayError, Handle, Refuse, deliver, log_return
from chassis.nats_errors import NATS_ERRORS
from chassis.tasks import end

_EXPIRES_SECONDS = 30
_HEARTBEAT_SECONDS = 5
_SILENCE_SECONDS = 2.5 * _HEARTBEAT_SECONDS
_NANOSECONDS = 1_000_000_000
_AHEAD = 4
"""How many events per worker are asked for before there is a worker for them."""


class ReaderLostError(BrokerAwayError):
    """The durable consumer does not answer any more: it, its stream or JetStream is gone."""


class Reader:
    """One process's share of one durable consumer."""

    ACK_WAIT_SECONDS: ClassVar[float] = 30
    """After it, an event that nobody reports on is given to somebody else; ours are reported on while in hand."""

    def __init__(self, client: Client, *, stream: str, durable: str, concurrency: int) -> None:
        self._client = client
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._durable = durable
        self._concurrency = concurrency
        self._room = concurrency * _AHEAD
        self._asked = 0
        self._held: dict[str, Msg] = {}
        self._waiting: asyncio.Queue[Msg] = asyncio.Queue()
        self._stirred = asyncio.Event()
        self._gone = ""

    def start_over(self) -> None:
        """Forget what was asked for: a new connection knows nothing of it."""
        self._asked = 0
        self._stirred.set()

    async def run(self, handle: Handle, refuse: Refuse | None) -> None:
        """Read until cancelled.

        Raises:
            ReaderLostError: There is nothing to read from any more.
        """
        async with self._subscribed() as inbox:
            loops = [self._ask(inbox), self._report(), *(self._work(handle, refuse) for _ in range(self._concurrency))]
            tasks = [asyncio.create_task(loop) for loop in loops]
            try:
                failed, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end(*tasks)
            for task in failed:
                task.result()

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[str]:
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, cb=self._receive)
        try:
            yield inbox
        finally:
            with suppress(*NATS_ERRORS):
                await subscription.unsubscribe()
            await self._give_back()

    async def _ask(self, inbox: str) -> None:
        """Keep enough events asked for; notice when nobody answers."""
        while not self._gone:
            self._stirred.clear()
            missing = self._room - self._asked - len(self._held)
            if missing * 2 >= self._room:
                self._asked += missing
                await self._client.publish(self._next, _request(missing), reply=inbox)
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    await self._stirred.wait()
            except TimeoutError:
                # Heartbeats come while something is asked for: the request, or the consumer, was lost.
                if self._asked and self._client.is_connected:
                    self._gone = "no heartbeat"
        raise ReaderLostError(f"{self._durable}: {self._gone}.")

    async def _receive(self, message: Msg) -> None:
        if message.reply.startswith("$JS.ACK."):
            self._asked = max(0, self._asked - 1)
            # A server that was killed has forgotten deliveries, and makes them again under the same name.
            if message.reply not in self._held:
                self._held[message.reply] = message
                self._waiting.put_nowait(message)
        else:
            self._note(message.headers or {})
        self._stirred.set()

    def _note(self, headers: dict[str, str]) -> None:
        """Take in a status: 100 is a heartbeat, 408 the end of one request, the rest ends what we read from."""
        status = headers.get("Status", "")
        if status == "408":
            self._asked = max(0, self._asked - int(headers.get("Nats-Pending-Messages", self._asked)))
        elif status != "100":
            self._gone = f"{status} {headers.get('Description', '')}".strip()

    async def _work(self, handle: Handle, refuse: Refuse | None) -> None:
        while True:
            message = await self._waiting.get()
            try:
                await deliver(message.data, handle, refuse)
                answer = message.ack()
            except Exception as error:  # noqa: BLE001 - whatever a handler raises, the event has to come again
                log_return(self._durable, error)
                answer = message.nak(_pause_seconds(message.metadata.num_delivered))
            with suppress(*NATS_ERRORS):
                # An answer that is lost with the connection means that the event comes again: allowed.
                await answer
            del self._held[message.reply]
            self._stirred.set()

    async def _report(self) -> None:
        """Tell the server of the events that are in hand for long, so that it does not give them to another."""
        pause = self.ACK_WAIT_SECONDS / 3
        while True:
            known = set(self._held)
            await asyncio.sleep(pause)
            for reply in known & set(self._held):
                with suppress(*NATS_ERRORS, KeyError):
                    await self._held[reply].in_progress()

    async def _give_back(self) -> None:
        """Let another replica have at once what was not finished here."""
        for message in self._held.values():
            with suppress(*NATS_ERRORS):
                await message.nak()
        self._held.clear()


def _request(count: int) -> bytes:
    expires, heartbeat = _EXPIRES_SECONDS * _NANOSECONDS, _HEARTBEAT_SECONDS * _NANOSECONDS
    return json.dumps({"batch": count, "expires": expires, "idle_heartbeat": heartbeat}).encode()


def _pause_seconds(deliveries: int) -> float:
    return min(30.0, 0.25 * 2.0 ** min(deliveries, 10)) * random.uniform(0.5, 1)  # noqa: S311 - jitter
