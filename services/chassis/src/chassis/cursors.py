"""Opaque cursors: where a page ended, as the values of its last row's sort key.

A cursor is base64url of compact JSON and no secret. It says from where a list goes on, never what may be seen: filters
and permissions are applied anew to every page. What comes back is checked all the same, so that a forged cursor can
name any place in the list, and can't be a value that the database chokes on.
"""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, overload
from uuid import UUID

from chassis.errors import MalformedError

CursorValue = str | int | datetime | UUID
"""What a sort key can be made of; integers have 64 bits, times are aware."""

_MOST_CHARACTERS = 2048
_INT64 = 1 << 63


class MalformedCursorError(MalformedError):
    """The cursor is not one that this list gave out."""

    code = "malformed-cursor"
    title = "The cursor is not one of this list"


def encode(values: Sequence[CursorValue]) -> str:
    """Return the cursor for a row's sort key.

    Raises:
        ValueError: A value cannot be in a cursor: a naive time, an integer of more than 64 bits, a text that
            PostgreSQL could not hold, or too much of it.
    """
    text = json.dumps([_packed(value) for value in values], separators=(",", ":"))
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    if len(cursor) > _MOST_CHARACTERS:
        raise ValueError(f"A cursor of {len(cursor)} characters is too long: sort by something shorter.")
    return cursor


A = TypeVar("A", str, int, datetime, UUID)
B = TypeVar("B", str, int, datetime, UUID)
C = TypeVar("C", str, int, datetime, UUID)


@overload
def decode(cursor: str, a: type[A], /) -> tuple[A]: ...
@overload
def decode(cursor: str, a: type[A], b: type[B], /) -> tuple[A, B]: ...
@overload
def decode(cursor: str, a: type[A], b: type[B], c: type[C], /) -> tuple[A, B, C]: ...
def decode(cursor: str, /, *types: type[Any]) -> tuple[Any, ...]:
    """Return the sort key in a cursor, which has exactly these types.

    Raises:
        MalformedCursorError: Anything else, whatever it is.
    """
    try:
        values = tuple(_unpacked(value) for value in _parsed(cursor))
        # One spelling each: what this list would not have written, it does not read.
        genuine = tuple(type(value) for value in values) == types and encode(values) == cursor
    except (ValueError, RecursionError):
        genuine = False
    if not genuine:
        raise MalformedCursorError
    return values


def _parsed(cursor: str) -> list[Any]:
    padding = "=" * (-len(cursor) % 4)
    parsed = json.loads(base64.b64decode(cursor + padding, altchars=b"-_", validate=True))
    if not isinstance(parsed, list):
        raise ValueError("not a list")  # noqa: TRY004 - to `decode` all ill forms are one
    return parsed


def _packed(value: CursorValue) -> str | int:
    """Return the value for JSON: numbers as they are, the rest as text after a letter that tells the type."""
    if type(value) is int:
        if not -_INT64 <= value < _INT64:
            raise ValueError(f"{value} has more than 64 bits.")
        return value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("A time in a cursor has to be aware.")
        try:
            return "t" + value.astimezone(UTC).isoformat()
        except OverflowError:
            raise ValueError(f"{value} is no time in UTC.") from None
    if isinstance(value, UUID):
        return "u" + value.hex
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("PostgreSQL has no text with a NUL character.")
        value.encode()  # Half a surrogate pair is no text either; UnicodeEncodeError is a ValueError.
        return "s" + value
    raise ValueError(f"A cursor cannot hold {type(value).__name__}.")


def _unpacked(value: Any) -> CursorValue:
    if type(value) is int:
        return value
    if not isinstance(value, str):
        raise ValueError("neither a number nor a text")  # noqa: TRY004 - to `decode` all ill forms are one
    kind, text = value[:1], value[1:]
    if kind == "s":
        return text
    if kind == "t":
        return datetime.fromisoformat(text)
    if kind == "u":
        return UUID(hex=text)
    raise ValueError("of no known type")
