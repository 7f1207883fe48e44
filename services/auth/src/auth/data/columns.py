"""How sets and tables of words lie in columns."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeDecorator


class WordSet(TypeDecorator[frozenset[str]]):
    """A set of words as ``text[]``, sorted, so that equal sets are equal arrays.

    Args:
        member: What the words are in Python, for example an enumeration.
    """

    impl = ARRAY(Text)
    cache_ok = True

    def __init__(self, member: type[str] = str) -> None:
        super().__init__()
        self.member = member

    def process_bind_param(self, value: frozenset[str] | None, dialect: Any) -> list[str] | None:  # noqa: ARG002
        """Return what is stored."""
        return None if value is None else sorted(str(each) for each in value)

    def process_result_value(self, value: list[str] | None, dialect: Any) -> frozenset[str] | None:  # noqa: ARG002
        """Return what was stored."""
        return None if value is None else frozenset(self.member(each) for each in value)


class WordSets(TypeDecorator[dict[str, frozenset[str]]]):
    """Sets of words by name, as ``jsonb``."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, frozenset[str]] | None, dialect: Any) -> Any:  # noqa: ARG002
        """Return what is stored."""
        return None if value is None else {name: sorted(words) for name, words in value.items()}

    def process_result_value(self, value: Any, dialect: Any) -> dict[str, frozenset[str]] | None:  # noqa: ARG002
        """Return what was stored."""
        return None if value is None else {name: frozenset(words) for name, words in value.items()}


class Digests(TypeDecorator[tuple[bytes, ...]]):
    """A few digests as ``bytea[]``."""

    impl = ARRAY(LargeBinary)
    cache_ok = True

    def process_bind_param(self, value: tuple[bytes, ...] | None, dialect: Any) -> list[bytes] | None:  # noqa: ARG002
        """Return what is stored."""
        return None if value is None else list(value)

    def process_result_value(self, value: list[bytes] | None, dialect: Any) -> tuple[bytes, ...] | None:  # noqa: ARG002
        """Return what was stored."""
        return None if value is None else tuple(value)
