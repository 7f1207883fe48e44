"""A load through the ingress, as from people who use the system while something happens to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

from httpx2 import Client, HTTPError, Limits

from tests.e2e.people import Person

_HOME = {
    "recipient": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


class Load:
    """Somebody's requests, each sent once: mostly reads, now and then a change that can be repeated.

    ``failures`` says of each request that was not served what became of it. Nobody tries again here: what the system
    does not repeat by itself is lost.
    """

    def __init__(self, address: str) -> None:
        # Some connections are kept, and others are opened anew.
        self._api = Client(base_url=address, timeout=30, limits=Limits(max_keepalive_connections=5, keepalive_expiry=5))
        self.person = Person.registered(self._api)
        self._begun = time.monotonic()
        self._lock = Lock()
        self.sent = 0
        self.failures: list[str] = []

    def send(self) -> None:
        """Send the next request."""
        with self._lock:
            self.sent += 1
            number = self.sent
        method, path, options = self._request(number)
        begun = time.monotonic()
        try:
            answer = self._api.request(method, path, **options)
            failure = "" if answer.is_success else f"{answer.status_code} {answer.text[:200]}"
        except HTTPError as error:
            failure = f"{type(error).__name__} {error}"
        if failure:
            at, took = begun - self._begun, time.monotonic() - begun
            self.failures.append(f"at {at:.1f} s, after {took:.1f} s: {method} {path}: {failure}")

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _request(self, number: int) -> tuple[str, str, dict[str, Any]]:
        person = self.person.authorization
        if number % 10 == 0:
            headers = {**person, "idempotency-key": str(uuid4())}
            return "POST", "/v1/customers/me/addresses", {"json": _HOME, "headers": headers}
        if number % 10 == 5:
            return "GET", "/v1/accounts/me", {"headers": person}
        return "GET", "/v1/customers/me", {"headers": person}


@contextmanager
def heavy_load(address: str, *, at_once: int = 8) -> Iterator[None]:
    """Send as many requests as are answered, for as long as the block lasts; whatever the answers are."""
    load = Load(address)
    over = Event()

    def hurry() -> None:
        while not over.is_set():
            load.send()

    hurried = [Thread(target=hurry) for _ in range(at_once)]
    for each in hurried:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in hurried:
            each.join()
        load.close()
