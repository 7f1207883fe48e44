"""What a customer says about themselves: two values, changed as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar


@dataclass(frozen=True, slots=True)
class Profile:
    """Who the customer is. ``phone`` is E.164, ``locale`` a BCP 47 tag; None where nobody has said."""

    name: str | None = None
    phone: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """How the customer wants to be treated. ``currency`` is ISO 4217, ``language`` a BCP 47 tag.

    Nobody is written to before they asked for it.
    """

    marketing: bool = False
    newsletter: bool = False
    currency: str | None = None
    language: str | None = None


ValueT = TypeVar("ValueT", Profile, Preferences)


def merged(value: ValueT, patch: Mapping[str, Any]) -> ValueT:
    """Apply a JSON merge patch (RFC 7396): what is absent stays, what is null goes back to where it began."""
    initial = type(value)()
    changes = {name: getattr(initial, name) if given is None else given for name, given in patch.items()}
    return replace(value, **changes)
