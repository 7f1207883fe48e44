"""A load through the ingress, as from people who use the system while something happens to it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

from httpx2 import Client, HTTPError, Limits

from tests.e2e.cluster.access import poll
from tests.e2e.people import Person

PER_SECOND = 20
_AT_ONCE = 40
_PEOPLE = 5
_KEYS = 20
"""Each comes again ten seconds later, and adds nothing then."""
_READS = (
    "/v1/customers/me",
    "/v1/accounts/me",
    "/v1/products?limit=5",
    "/v1/availability?sku=LOAD",
    "/v1/orders?limit=5",
)
"""What anybody may read, one for each service that answers."""
_HOME = {
    "recipient": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


class Load:
    """A few people's requests, each sent once: mostly reads, now and then a change that can be repeated.

    ``failures`` says of each request that was not served what became of it. Nobody tries again here: what the system
    does not repeat by itself is lost. Only where the answer is that the request with this key is still running, it is
    asked for what became of that, as its ``Retry-After`` says.
    """

    def __init__(self, address: str) -> None:
        # Some connections are kept, and others are opened anew.
        self._api = Client(base_url=address, timeout=30, limits=Limits(max_keepalive_connections=5, keepalive_expiry=5))
        self.people = [Person.registered(self._api) for _ in range(_PEOPLE)]
        self._keys = [str(uuid4()) for _ in range(_KEYS)]
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
            if answer.status_code == 409 and (after := answer.headers.get("retry-after")):
                time.sleep(float(after))
                answer = self._api.request(method, path, **options)
            failure = "" if answer.is_success else f"{answer.status_code} {answer.text[:200]}"
        except HTTPError as error:
            failure = f"{type(error).__name__} {error}"
        if failure:
            at, took = begun - self._begun, time.monotonic() - begun
            self.failures.append(f"at {at:.1f} s, after {took:.1f} s: {method} {path}: {failure}")

    @property
    def lost(self) -> str:
        """What was lost, as a text that is empty where nothing was; the first losses tell the most."""
        return f"{len(self.failures)} of {self.sent}:\n" + "\n".join(self.failures[:10]) if self.failures else ""

    def goes_on(self, seconds: float = 5) -> None:
        """Wait until what happened has been under load for a while."""
        enough = self.sent + seconds * PER_SECOND
        poll(lambda: self.sent >= enough, seconds=4 * seconds + 10, what=f"{enough:g} requests were sent")

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _request(self, number: int) -> tuple[str, str, dict[str, Any]]:
        if number % 10 == 0:
            turn = number // 10
            headers = {**self.people[turn % _PEOPLE].authorization, "idempotency-key": self._keys[turn % _KEYS]}
            return "POST", "/v1/customers/me/addresses", {"json": _HOME, "headers": headers}
        person = self.people[number // len(_READS) % _PEOPLE]
        return "GET", _READS[number % len(_READS)], {"headers": person.authorization}


@contextmanager
def steady_load(address: str) -> Iterator[Load]:
    """Send 20 requests a second for as long as the block lasts; afterwards each of them has had its answer."""
    load = Load(address)
    over = Event()

    def tick(pool: ThreadPoolExecutor) -> None:
        due = time.monotonic()
        while not over.wait(max(0, due - time.monotonic())):
            pool.submit(load.send)
            due += 1 / PER_SECOND

    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            clock = Thread(target=tick, args=(pool,))
            clock.start()
            try:
                load.goes_on(1)
                yield load
                load.goes_on()
            finally:
                over.set()
                clock.join()
    finally:
        load.close()


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
