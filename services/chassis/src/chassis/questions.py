"""What is sent to a peer: the same with every attempt, but for the context it carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import orjson

from chassis import context

_DEFAULT_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "tradewind"}
"""Between neighbours, compressing costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Question:
    """What every attempt sends."""

    method: str
    path: str
    params: Mapping[str, str] | None
    headers: dict[str, str]
    content: bytes | None
    form: Mapping[str, str] | None

    @classmethod
    def of(
        cls,
        method: str,
        path: str,
        *,
        json: Any,
        form: Mapping[str, str] | None,
        params: Mapping[str, str | int | UUID | None] | None,
        headers: Mapping[str, str] | None,
        idempotency_key: str | None,
    ) -> "Question":
        """Make one, its body serialised once for all attempts, names of headers in lower case."""
        if not path.startswith("/"):
            raise ValueError(f"The path {path!r} does not begin with a slash.")
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            sent.setdefault("content-type", "application/json")
        if idempotency_key is not None:
            sent["idempotency-key"] = idempotency_key
        query = {name: str(value) for name, value in (params or {}).items() if value is not None}
        return cls(method, path, query or None, sent, None if json is None else orjson.dumps(json), form)

    def request(self, base_url: str, token: str | None, *, connect_seconds: float) -> httpx.Request:
        """Make the request of one attempt, which carries the context of the work under way."""
        headers = _DEFAULT_HEADERS | self.headers | context.outgoing_headers()
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return httpx.Request(
            self.method,
            base_url + self.path,
            params=self.params,
            headers=headers,
            content=self.content,
            data=self.form,
            # The attempt is timed as a whole; that nobody accepts the connection can be known earlier.
            extensions={"timeout": {"connect": connect_seconds}},
        )
