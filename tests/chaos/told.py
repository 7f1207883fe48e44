"""What the services told, what of it was heard, and whether that is the same."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
from httpx2 import get

from tests.chaos.up import ChaosCheckout
from tradewind.checkout import Checkout
from tradewind.runs import Run
from tradewind.state import State

_TELLERS = ("orders", "payments", "inventory")
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
        return not self._unsent and not [*self._missing(expected)]

    def broken(self, expected: Collection[tuple[str, str]]) -> Iterator[str]:
        """Yield what was not told, not heard, or heard more than once."""
        yield from (f"event {each} was never sent" for each in self._unsent)
        yield from self._missing(expected)
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

    def _missing(self, expected: Collection[tuple[str, str]]) -> Iterator[str]:
        heard = {(each["type"], each["subject"]) for each in self._heard}
        yield from (f"nobody heard {kind} of {subject}" for kind, subject in sorted(set(expected) - heard))
        ids = {each["id"] for each in self._heard}
        yield from (f"{self._sent[each]} was sent and not heard" for each in self._sent if each not in ids)


async def _outboxes(state: State, run: Run) -> tuple[dict[str, str], list[str]]:
    """Return what was sent, by id, and what was not."""
    sent: dict[str, str] = {}
    unsent: list[str] = []
    credentials = state.credentials(ChaosCheckout(Checkout.of_this_package().root).manifests)
    for service in _TELLERS:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=run.network.postgres_port,
            user=service,
            database=service,
            password=credentials.database(service),
        )
        try:
            for row in await connection.fetch("SELECT id::text, type, subject, sent_at FROM outbox"):
                if row["sent_at"] is None:
                    unsent.append(row["id"])
                sent[row["id"]] = f"{row['type']} of {row['subject']}"
        finally:
            await connection.close()
    return sent, unsent
