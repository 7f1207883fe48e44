"""Secrets that are derived instead of stored: whoever holds the key can make the same one again.

A token names an id and a counter and proves them with a MAC, so a database row holds no secret at all, and the
successor of a refresh token can be shown twice without having been kept anywhere. Without the key, a copy of the
database is worth nothing; without the database, the key is not enough: the id is random, and has to exist.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

_ID_BYTES = 16
_COUNTER_BYTES = 4
_MAC_BYTES = 32
_BODY_BYTES = _ID_BYTES + _COUNTER_BYTES


@dataclass(frozen=True, slots=True)
class TokenName:
    """What a token stands for."""

    id: UUID
    counter: int


class DerivedTokens:
    """Makes and reads the tokens of one purpose.

    Args:
        keys: At least one secret of 32 bytes; the first makes tokens, the others are still accepted.
        purpose: Keeps the tokens of one use from being taken for another's.
        prefix: Begins every token, so that a person or a secret scanner knows what it found.
    """

    def __init__(self, keys: Sequence[bytes], *, purpose: str, prefix: str) -> None:
        label = f"tradewind {purpose} v1".encode()
        self._keys = [hmac.digest(key, label, hashlib.sha256) for key in keys]
        self._prefix = prefix

    def make(self, name: TokenName) -> str:
        """Return the token that stands for ``name``; the same one every time."""
        body = name.id.bytes + name.counter.to_bytes(_COUNTER_BYTES, "big")
        mac = hmac.digest(self._keys[0], body, hashlib.sha256)
        return self._text(body + mac)

    def read(self, token: str) -> TokenName | None:
        """Return what a token stands for, or None if we never made it."""
        raw = self._bytes(token)
        if raw is None or len(raw) != _BODY_BYTES + _MAC_BYTES:
            return None
        body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
        if not any(hmac.compare_digest(hmac.digest(key, body, hashlib.sha256), mac) for key in self._keys):
            return None
        return TokenName(UUID(bytes=body[:_ID_BYTES]), int.from_bytes(body[_ID_BYTES:], "big"))

    def _bytes(self, token: str) -> bytes | None:
        if not token.startswith(self._prefix) or not token.isascii():
            return None
        text = token.removeprefix(self._prefix)
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        # The decoder also takes `+` and `/`, and any last bits: a token has one spelling.
        return raw if self._text(raw) == token else None

    def _text(self, raw: bytes) -> str:
        return self._prefix + base64.urlsafe_b64encode(raw).decode().rstrip("=")
