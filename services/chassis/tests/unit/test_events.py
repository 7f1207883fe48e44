"""The CloudEvents envelope."""

from typing import ClassVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.events import Envelope, EventData, Message


class OrderPlaced(EventData):
    name: ClassVar[str] = "order-placed"
    version: ClassVar[int] = 2

    number: int


ENVELOPE = Envelope.of(Message(OrderPlaced(number=7), "order-1", 3), service="orders", traceparent="00-a-b-01")


def test_document_is_a_cloudevent_in_structured_mode() -> None:
    document = orjson.loads(ENVELOPE.to_json())
    assert document.pop("time").endswith("Z")
    assert document == {
        "specversion": "1.0",
        "id": str(ENVELOPE.id),
        "type": "tradewind.orders.order-placed.v2",
        "source": "/orders",
        "subject": "order-1",
        "datacontenttype": "application/json",
        "sequence": "3",
        "traceparent": "00-a-b-01",
        "data": {"number": 7},
    }


def test_what_is_written_is_read_again() -> None:
    assert Envelope.from_json(ENVELOPE.to_json()) == ENVELOPE


@given(st.binary() | st.recursive(st.none() | st.text() | st.integers(0, 9), st.lists).map(orjson.dumps))
def test_anything_else_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its message quotes what came
        Envelope.from_json(raw)


@pytest.mark.parametrize("missing", ["id", "type", "source", "subject", "time", "sequence", "data"])
def test_every_attribute_is_needed(missing: str) -> None:
    document = orjson.loads(ENVELOPE.to_json())
    del document[missing]
    with pytest.raises(ValueError, match="not a CloudEvent"):
        Envelope.from_json(orjson.dumps(document))
