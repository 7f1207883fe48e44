"""The passwords of one local system, made at its first start and kept in ``secrets.json``."""

import base64
import json
import secrets
from collections.abc import Iterable
from typing import Any


class Credentials:
    """Passwords by purpose and owner; ``document`` is what ``secrets.json`` holds."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def complete(self, services: Iterable[str]) -> bool:
        """Make what is missing for ``services``; tell whether anything was."""
        before = json.dumps(self.document)
        self.document.setdefault("keys_encryption_key", base64.b64encode(secrets.token_bytes(32)).decode())
        for purpose in ("api_key", "webhooks"):
            self._in("provider", purpose)
        for account in ("demo", "admin"):
            self._in("accounts", account)
        for service in services:
            for kind in ("databases", "broker", "clients"):
                self._in(kind, service)
        return json.dumps(self.document) != before

    @property
    def keys_encryption_key(self) -> str:
        """What auth encrypts its signing keys with: 32 bytes in base64."""
        return str(self.document["keys_encryption_key"])

    def database(self, service: str) -> str:
        """Return the password of a service's database role."""
        return str(self.document["databases"][service])

    def broker(self, service: str) -> str:
        """Return the password of a service's NATS user."""
        return str(self.document["broker"][service])

    def client(self, service: str) -> str:
        """Return the secret of a service's OAuth client."""
        return str(self.document["clients"][service])

    def provider(self, purpose: str) -> str:
        """Return what payments shows to the sandbox (``api_key``), or what signs its ``webhooks``."""
        return str(self.document["provider"][purpose])

    def account(self, name: str) -> str:
        """Return the password of the ``demo`` or ``admin`` account."""
        return str(self.document["accounts"][name])

    def _in(self, kind: str, name: str) -> str:
        group: dict[str, str] = self.document.setdefault(kind, {})
        return group.setdefault(name, secrets.token_urlsafe(24))
