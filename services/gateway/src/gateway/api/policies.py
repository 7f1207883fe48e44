"""One limit of a class: for accounts, or for addresses."""

from dataclasses import dataclass

from chassis.ratelimit import Limit
from chassis.ratelimit_headers import policy
from gateway.domain.forwarding import Field


@dataclass(frozen=True, slots=True)
class Policy:
    """One of a class's two limits, and the constant field that tells of it."""

    name: str
    counted_by: str
    limit: Limit
    prefix: str
    field: Field

    @classmethod
    def of(cls, name: str, counted_by: str, limit: Limit) -> "Policy":
        """Make one; ``counted_by`` is ``account`` or ``address``."""
        field = (b"ratelimit-policy", policy(name, limit).encode())
        return cls(name, counted_by, limit, f"{name}:{counted_by}:", field)
