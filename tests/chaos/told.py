"""What the services told, what of it was heard, and whether that is the same."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import nats
import orjson
from httpx2 import get

from chassis.events import Envelope
from chassis.nats_users import inbox_prefix
from tests.chaos.up import ChaosCheckout
from tradewind.checkout import Checkout
from tradewind.credentials import Credentials
from tradewind.runs import Run
from tradewind.state import State

_TELLERS = ("orders", "payments", "inventory")
_LOOKS, _LOOK_SECONDS = 60, 0.5
_INSTANTS = ("happened_at", "reserved_at", "committed_at")


class Told:
    """The outboxes of a system, and what its witness heard; read once.

    Args:
        state: The system's folder.
    """

    def __init__(self, state: Path) -> None:
        run = State(state).run()
        assert run is not None
        self._heard: list[dict[str, Any]] = get(f"{run.network.places['witness'].url}/heard", timeout=30).json()
        self._sent, self._unsent = asyncio.run(_outboxes(State(state), run))

    def is_complete(self, expected: Collection[tuple[str, str]]) -> bool:
        """Tell whether everything was heard that has to be."""
        return not self._unsent and not [*self.missing(expected)]

    def broken(self, expected: Collection[tuple[str, str]]) -> Iterator[str]:
        """Yield what was not told, not heard, or heard more than once."""
        yield from (f"event {each} was never sent" for each in self._unsent)
        yield from self.missing(expected)
        heard = Counter(each["id"] for each in self._heard)
        kinds = {each["id"]: f"{each['type']} of {each['subject']}" for each in self._heard}
        yield from (f"{kinds[each]} had its effect {count} times" for each, count in heard.items() if count > 1)
        yield from (f"{kinds[each]} was told and is not known" for each in heard if each not in self._sent)

    def instants(self) -> Mapping[tuple[str, str], datetime]:
        """Return when things happened, by type and subject."""
        found: dict[tuple[str, str], datetime] = {}
        for each in self._heard:
            at = next((each["data"][name] for name in _INSTANTS if name in each["data"]), None)
            if at is not None:
                found[each["type"], each["subject"]] = datetime.fromisoformat(at)
        return found

    def missing(self, expected: Collection[tuple[str, str]]) -> Iterator[str]:
        """Yield what has to be there and was not heard."""
        heard = {(each["type"], each["subject"]) for each in self._heard}
        yield from (f"nobody heard {kind} of {subject}" for kind, subject in sorted(set(expected) - heard))
        ids = {each["id"] for each in self._heard}
        yield from (f"{self._sent[each]} was sent and not heard" for each in self._sent if each not in ids)


def repeat(state: Path) -> int:
    """Have the broker deliver every event once more, as it may do at any time; return how many there were.

    Returns when the witness is through with them.
    """
    run = State(state).run()
    assert run is not None
    metrics = next(part.metrics for part in run.parts if part.name == "witness")
    before = _handled(str(metrics))
    count = asyncio.run(_publish_again(State(state), run))
    for _ in range(_LOOKS):
        if _handled(str(metrics)) >= before + count:
            break
        time.sleep(_LOOK_SECONDS)
    return count


def _handled(metrics: str) -> float:
    """Return how many events the witness has finished, new ones and others."""
    wanted = ("tradewind_consumer_handled_total{", "tradewind_consumer_repeated_total{")
    return sum(float(line.rpartition(" ")[2]) for line in get(metrics).text.splitlines() if line.startswith(wanted))


async def _outboxes(state: State, run: Run) -> tuple[dict[str, str], list[str]]:
    """Return what was sent, by id, and what was not."""
    rows = [row for service in _TELLERS for row in await _outbox(state, run, service)]
    sent = {str(row["id"]): f"{row['type']} of {row['subject']}" for row in rows}
    return sent, [sent[str(row["id"])] for row in rows if row["sent_at"] is None]


async def _publish_again(state: State, run: Run) -> int:
    """Publish what is in the outboxes, without the header by which the broker knows what it has."""
    count = 0
    for service in _TELLERS:
        client = await nats.connect(
            f"nats://127.0.0.1:{run.network.nats_port}",
            user=service,
            password=_credentials(state).broker(service),
            inbox_prefix=inbox_prefix(service).encode(),
        )
        try:
            for row in await _outbox(state, run, service):
                told = Envelope(
                    id=row["id"],
                    type=row["type"],
                    source=f"/{service}",
                    subject=row["subject"],
                    data=orjson.loads(row["data"]),
                    time=row["occurred_at"],
                    sequence=row["sequence"],
                )
                await client.jetstream().publish(told.type, told.to_json())
                count += 1
        finally:
            await client.close()
    return count


async def _outbox(state: State, run: Run, service: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=run.network.postgres_port,
        user=service,
        database=service,
        password=_credentials(state).database(service),
    )
    try:
        rows: list[asyncpg.Record] = await connection.fetch(
            "SELECT id, type, subject, sequence, data::text AS data, occurred_at, sent_at FROM outbox"
        )
    finally:
        await connection.close()
    return rows


def _credentials(state: State) -> Credentials:
    return state.credentials(ChaosCheckout(Checkout.of_this_package().root).manifests)
