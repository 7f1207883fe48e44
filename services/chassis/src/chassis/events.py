"""Facts that a service tells: the CloudEvents envelope, and the schemas a producer publishes.

Source: CloudEvents 1.0.2, JSON format, structured mode; extensions ``traceparent`` (distributed tracing) and
``sequence`` (here: the aggregate's own counter).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict

from chassis.ids import uuid7
from chassis.manifest import event_type


class EventData(BaseModel):
    """The payload of a published event; a producer subclasses it once per event and version.

    ``name`` and ``version`` make the type; the JSON Schema is checked in under ``services/<svc>/events``.
    A consumer does not import it: it owns a model of the fields it reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    version: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Message:
    """What a service wants told: payload, about which aggregate, and that aggregate's counter after the change."""

    data: EventData
    subject: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as it travels.

    ``type`` is the NATS subject; ``subject`` the aggregate's id; ``time`` aware UTC.
    """

    id: UUID
    type: str
    source: str
    subject: str
    data: dict[str, Any]
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    sequence: int = 0
    traceparent: str | None = None

    @classmethod
    def of(cls, message: Message, *, service: str, traceparent: str | None) -> "Envelope":
        """Wrap what ``service`` wants told, with a new id and the current time."""
        return cls(
            id=uuid7(),
            type=event_type(service, message.data.name, message.data.version),
            source=f"/{service}",
            subject=message.subject,
            data=message.data.model_dump(mode="json"),
            sequence=message.sequence,
            traceparent=traceparent,
        )

    def to_json(self) -> bytes:
        """Return the structured-mode JSON document."""
        document = {
            "specversion": "1.0",
            "id": str(self.id),
            "type": self.type,
            "source": self.source,
            "subject": self.subject,
            "time": self.time.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "sequence": str(self.sequence),
            "data": self.data,
        }
        if self.traceparent:
            document["traceparent"] = self.traceparent
        return orjson.dumps(document)

    @classmethod
    def from_json(cls, raw: bytes) -> "Envelope":
        """Read a structured-mode JSON document.

        Raises:
            ValueError: It is no CloudEvent of ours.
        """
        try:
            document = orjson.loads(raw)
            return cls(
                id=UUID(document["id"]),
                type=document["type"],
                source=document["source"],
                subject=document["subject"],
                data=document["data"],
                time=datetime.fromisoformat(document["time"]),
                sequence=int(document["sequence"]),
                traceparent=document.get("traceparent"),
            )
        except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError) as error:
            raise ValueError(f"not a CloudEvent: {error!r}") from error
