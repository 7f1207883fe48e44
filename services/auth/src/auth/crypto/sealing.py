"""Encryption of what must not lie in the database in clear: private keys. And the root of derived secrets.

AES-256-GCM under a key from the Secret. What is sealed begins with the name of its key, so that a key can be replaced:
the new one seals, the old one still opens, until nothing sealed with it is left.
"""

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NAME_BYTES = 4
_NONCE_BYTES = 12


class UnsealError(Exception):
    """It was sealed with a key that we do not have, or was changed since."""


class Sealer:
    """Seals with the first key, opens with any.

    Args:
        keys: Of 32 bytes each, the current one first.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._current = _name(keys[0])
        self._ciphers = {_name(key): AESGCM(key) for key in keys}

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        """Return ``secret`` encrypted; it opens for the same purpose only."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._current + nonce + self._ciphers[self._current].encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """Return what was sealed.

        Raises:
            UnsealError: No key of ours opens it.
        """
        name, rest = sealed[:_NAME_BYTES], sealed[_NAME_BYTES:]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise UnsealError("It was sealed with a key that is not configured; see previous_encryption_keys.")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], purpose.encode())
        except InvalidTag as error:
            raise UnsealError("It was changed, or sealed for another purpose.") from error


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"tradewind key name v1" + key).digest()[:_NAME_BYTES]
