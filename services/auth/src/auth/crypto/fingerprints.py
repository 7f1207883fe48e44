"""Knowing a request's body again without keeping anything that its password could be guessed from."""

import hashlib
import hmac


class Fingerprints:
    """Makes fingerprints that mean nothing without the key.

    Args:
        key: 32 secret bytes; a body's fingerprint is another one under another key.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"tradewind request fingerprint v1", hashlib.sha256)

    def __call__(self, body: bytes) -> bytes:
        """Return the fingerprint of a body."""
        return hmac.digest(self._key, body, hashlib.sha256)
