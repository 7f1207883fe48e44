"""Events as rows of the transaction that made the change.

``record`` (or an aggregate's ``events``) says what to tell; ``Writer`` puts it into the ``outbox`` table just before
the commit; a relay publishes what is there.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import context, tables
from chassis.events import Envelope, Message

Publish = Callable[[Any], Message | None]
"""Maps a domain event to what is told of it, or to None where it stays inside."""


def record(session: AsyncSession, message: Message) -> None:
    """Tell ``message`` if and only if the session's transaction commits."""
    session.info.setdefault("messages", []).append(message)


class Writer:
    """A ``before_commit`` hook that writes what the transaction has to tell.

    Collects the ``events`` of every aggregate in the session (and empties them), and what was recorded.
    """

    def __init__(self, *, service: str, publish: Publish | None = None) -> None:
        self._service = service
        self._publish = publish

    async def __call__(self, session: AsyncSession) -> None:
        """Insert one row per message and wake the relay."""
        messages: list[Message] = session.info.pop("messages", [])
        messages += self._from_aggregates(session)
        if not messages:
            return
        traceparent = context.current().traceparent
        envelopes = [Envelope.of(each, service=self._service, traceparent=traceparent) for each in messages]
        await session.execute(
            insert(tables.outbox),
            [
                {
                    "id": each.id,
                    "type": each.type,
                    "subject": each.subject,
                    "sequence": each.sequence,
                    "data": each.data,
                    "traceparent": each.traceparent,
                    "occurred_at": each.time,
                }
                for each in envelopes
            ],
        )
        await session.execute(text("NOTIFY outbox"))

    def _from_aggregates(self, session: AsyncSession) -> list[Message]:
        if self._publish is None:
            return []
        happened: list[object] = []
        for aggregate in (*session.new, *session.identity_map.values()):
            if events := getattr(aggregate, "events", None):
                happened += events
                events.clear()
        return [message for each in happened if (message := self._publish(each)) is not None]
