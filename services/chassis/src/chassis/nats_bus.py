"""The event bus on NATS JetStream: one stream per publishing service, durable pull consumers.

Three habits of nats-py are dealt with here: ``connect`` sleeps after a first refusal (so the port is asked first), a
client that was refused its credentials gives up for good (so a new one is made), and what is published while the
connection is away is buffered silently (so publishing says no instead).

Sources: JetStream API, ``$JS.API``; nats-server's error codes (server/errors.json).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import api

from chassis import logs
from chassis.bus import BrokerAwayError, Consumer, Handle, PublishError, Refuse
from chassis.errors import UnavailableError
from chassis.events import Envelope
from chassis.manifest import Manifest
from chassis.nats_errors import NATS_ERRORS
from chassis.nats_publisher import Publisher
from chassis.nats_reader import Reader
from chassis.nats_users import inbox_prefix
from chassis.settings import BrokerSettings
from chassis.tasks import end

MAX_AGE_SECONDS = 7 * 24 * 3600
DUPLICATE_WINDOW_SECONDS = 120
"""Within it the server drops a second event of the same id; beyond it only an inbox does."""

_CONNECT_SECONDS = 5
_RECONNECT_SECONDS = 0.2
_PING_SECONDS = 10
_OTHER_CONFIGURATION = 10058
_STREAM_NOT_FOUND = 10059


class NatsBus:
    """An ``EventBus`` for one service, on one connection.

    Raises:
        ValueError: The address is none.
    """

    def __init__(self, settings: BrokerSettings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._servers = [url.strip() if "://" in url else f"nats://{url.strip()}" for url in settings.url.split(",")]
        self._ports = [((address := urlsplit(url)).hostname, address.port or 4222) for url in self._servers]
        self._log = logs.get("bus")
        self._client: Client | None = None
        self._publisher: Publisher | None = None
        self._connected = asyncio.Event()
        self._readers: set[Reader] = set()
        self._last_complaint = ""

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Connect in the background, and again for ever, until the end of the block."""
        task = asyncio.create_task(self._stay_connected())
        try:
            yield
        finally:
            await end(task)

    async def check(self) -> None:
        """Return if there is a connection.

        Raises:
            BrokerAwayError: There is none.
        """
        if not self._connected.is_set():
            raise BrokerAwayError

    async def ensure_stream(self, manifest: Manifest) -> None:
        """Create or update the stream that keeps a service's events on disk for seven days.

        When it is full it refuses new events, which then wait in the outbox, rather than forget old ones.

        Raises:
            BrokerAwayError: The server is away or refuses.
        """
        config = api.StreamConfig(
            name=manifest.stream,
            subjects=[f"tradewind.{manifest.name}.>"],
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            max_age=MAX_AGE_SECONDS,
            max_bytes=self._settings.stream_max_bytes,
            num_replicas=self._settings.stream_replicas,
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
        )
        jetstream = (await self._connection()).jetstream()
        try:
            try:
                await jetstream.add_stream(config)
            except nats.js.errors.APIError as error:
                if error.err_code != _OTHER_CONFIGURATION:
                    raise
                await jetstream.update_stream(config)
        except NATS_ERRORS as error:
            raise BrokerAwayError(f"The stream {manifest.stream} could not be made: {error}.") from error

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when the server has said that each of ``envelopes`` is on disk.

        Raises:
            PublishError: At least one was refused, or not acknowledged in time.
        """
        if self._publisher is None or not self._connected.is_set():
            raise PublishError("There is no connection to the broker.")
        await self._publisher.publish(envelopes)

    async def consume(self, consumer: Consumer, handle: Handle, refuse: Refuse | None = None) -> None:
        """Hand events to ``handle`` until cancelled; wait where there is no connection or no stream yet."""
        complaint = ""
        while True:
            await self._connected.wait()
            try:
                await self._read(consumer, handle, refuse)
            except (*NATS_ERRORS, UnavailableError) as error:
                if complaint != (complaint := _waiting_for(error)):
                    self._log.warning("consumer waits", consumer=consumer.name, producer=consumer.service, on=complaint)
            await asyncio.sleep(random.uniform(0.2, 0.5))  # noqa: S311 - spreads replicas, guards nothing

    async def _read(self, consumer: Consumer, handle: Handle, refuse: Refuse | None) -> None:
        """Declare the durable consumer and read from it until it, the stream or the client is gone."""
        stream = f"tradewind-{consumer.service}"
        durable = f"{self._service}-{consumer.name}"
        client = await self._connection()
        await client.jetstream().add_consumer(
            stream,
            api.ConsumerConfig(
                name=durable,
                durable_name=durable,
                deliver_policy=api.DeliverPolicy.ALL,
                ack_policy=api.AckPolicy.EXPLICIT,
                ack_wait=Reader.ACK_WAIT_SECONDS,
                filter_subjects=list(consumer.types),
                max_deliver=-1,
            ),
        )
        self._log.info("consumer reads", consumer=consumer.name, producer=consumer.service)
        reader = Reader(client, stream=stream, durable=durable, concurrency=consumer.concurrency)
        self._readers.add(reader)
        try:
            await reader.run(handle, refuse)
        finally:
            self._readers.discard(reader)

    async def _connection(self) -> Client:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._connected.wait()
        except TimeoutError as error:
            raise BrokerAwayError from error
        if self._client is None:
            raise BrokerAwayError
        return self._client

    async def _stay_connected(self) -> None:
        while True:
            await self._wait_for_port()
            client, closed = Client(), asyncio.Event()
            try:
                await self._connect(client, closed)
                await closed.wait()
            except Exception as error:  # noqa: BLE001 - nothing may end this loop
                await self._complain(error)
                await asyncio.sleep(_RECONNECT_SECONDS)
            finally:
                self._forget_connection()
                await self._close(client)
                for reader in self._readers:
                    reader.start_over()

    async def _connect(self, client: Client, closed: asyncio.Event) -> None:
        async def on_closed() -> None:
            closed.set()

        password = self._settings.password
        await client.connect(
            servers=self._servers,
            name=self._service,
            user=self._settings.user,
            password=password.get_secret_value() if password else None,
            inbox_prefix=inbox_prefix(self._service),
            error_cb=self._complain,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=on_closed,
            connect_timeout=_CONNECT_SECONDS,
            reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]  # it is slept, fractions are fine
            max_reconnect_attempts=-1,
            ping_interval=_PING_SECONDS,
        )
        self._client, self._publisher = client, Publisher(client)
        await self._publisher.open()
        self._connected.set()
        self._log.info("broker connected")

    async def _close(self, client: Client) -> None:
        try:
            await client.close()
        except Exception as error:  # noqa: BLE001 - what cannot be closed is gone as well
            await self._complain(error)

    async def _wait_for_port(self) -> None:
        """Ask the servers' ports until one answers: a refused first ``connect`` would sleep for two seconds."""
        pause = 0.02
        while True:
            for host, port in self._ports:
                try:
                    async with asyncio.timeout(_CONNECT_SECONDS):
                        _, writer = await asyncio.open_connection(host, port)
                except (OSError, TimeoutError) as error:
                    await self._complain(error)
                    continue
                writer.close()
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1)

    async def _complain(self, error: Exception) -> None:
        """Log one line for a problem, not one for each of a thousand attempts."""
        complaint = f"{type(error).__name__}: {error}"
        if complaint != self._last_complaint:
            self._last_complaint = complaint
            self._log.warning("broker problem", error=complaint)
        if self._publisher is not None and "permissions violation for publish" in complaint:
            self._publisher.abandon(complaint)

    async def _on_disconnected(self) -> None:
        if self._connected.is_set():  # Otherwise it is our own closing.
            self._log.warning("broker connection lost")
        self._forget_connection()

    async def _on_reconnected(self) -> None:
        self._log.info("broker connected again")
        self._last_complaint = ""
        self._connected.set()
        for reader in self._readers:
            reader.start_over()

    def _forget_connection(self) -> None:
        self._connected.clear()
        if self._publisher is not None:
            self._publisher.abandon()


def _waiting_for(error: Exception) -> str:
    if isinstance(error, nats.js.errors.APIError) and error.err_code == _STREAM_NOT_FOUND:
        return "stream"
    return f"{type(error).__name__}: {error}"
