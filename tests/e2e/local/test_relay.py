"""Whatever dies between a registration and its customer, there is exactly one customer for each account.

Here relays and consumers are processes of their own (`python -m chassis work`, as in a deployment that separates
them), so that they can be killed at random while the API goes on registering at full speed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from httpx2 import Client

from tests.e2e.system import LocalSystem, local_system
from tradewind.checkout import Checkout
from tradewind.session import Session

ACCOUNTS = int(os.environ.get("RELAY_ACCOUNTS", "2000"))
AT_ONCE = 16
LIVES_SECONDS = (0.1, 2.0)
KILLS = 2
FINISH_SECONDS = 120
LOOK_SECONDS = 0.5


@pytest.fixture(scope="module")
def separated() -> Iterator[LocalSystem]:
    """The system with APIs only, and made for one address that registers thousands."""
    with local_system(
        "gateway",
        "auth",
        "customers",
        BACKGROUND="false",
        PASSWORDS__EFFORT="least",
        LIMITS__LOGIN__ADDRESS__RATE="10000",
        LIMITS__LOGIN__ADDRESS__BURST="10000",
    ) as started:
        yield started


class Worker:
    """The background work of one service, in a process that can be killed and started again."""

    def __init__(self, system: LocalSystem, service: str) -> None:
        session = Session.find(Checkout.of_this_package(), system.state)
        from tradewind.environment import Environments

        environments = Environments(session.checkout.manifests, session.run.network, session.credentials)
        self._environment = {**environments.of(service), "BACKGROUND": "true", "PORT": "0", "METRICS_PORT": "0"}
        self._log = system.state / "logs" / f"{service}-work.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._begun_at = 0
        self.kills = 0

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._begun_at = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chassis", "work"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def works(self) -> bool:
        """Whether it has said anything since it was started, which it does when it begins to work."""
        return self._log.stat().st_size > self._begun_at

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()
        self.kills += number is signal.SIGKILL


@contextmanager
def dying(worker: Worker, chance: random.Random) -> Iterator[None]:
    """Kill a worker at random, each time a moment after it has begun to work: for the block, and ``KILLS`` times."""
    over = Event()

    def reap() -> None:
        while not over.is_set() or worker.kills < KILLS:
            if not worker.works:
                time.sleep(LOOK_SECONDS / 10)
            elif not over.wait(chance.uniform(*LIVES_SECONDS)) or worker.kills < KILLS:
                worker.end(signal.SIGKILL)
                worker.start()

    reaper = Thread(target=reap)
    reaper.start()
    try:
        yield
    finally:
        over.set()
        reaper.join()


def register(address: str, emails: list[str]) -> Counter[int]:
    """Register accounts, several at once, and return how often each status came."""

    def some(mine: list[str]) -> Counter[int]:
        with Client(base_url=address, timeout=60) as client:
            bodies = ({"email": email, "password": "correct horse battery", "name": "Ada"} for email in mine)
            return Counter(client.post("/v1/accounts", json=body).status_code for body in bodies)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(some, (emails[first::AT_ONCE] for first in range(AT_ONCE))), Counter())


def customers(address: str, token: str) -> Counter[str]:
    """Return how many customers there are for each e-mail address, from the staff's list."""
    found: Counter[str] = Counter()
    with Client(base_url=address, timeout=60, headers={"authorization": f"Bearer {token}"}) as client:
        path = "/v1/customers?limit=100"
        while path:
            page = client.get(path).raise_for_status().json()
            found.update(item["email"] for item in page["items"])
            path = f"/v1/customers?limit=100&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    return found


def test_every_account_gets_exactly_one_customer_while_relays_and_consumers_are_killed(separated: LocalSystem) -> None:
    chance = random.Random(os.urandom(8))
    emails = [f"{number}@relay.example" for number in range(ACCOUNTS)]
    relay, consumer = workers = [Worker(separated, "auth"), Worker(separated, "customers")]
    for worker in workers:
        worker.start()
    try:
        with dying(relay, chance):
            # What a dead consumer held comes again after half a minute, so that consumers are left alone earlier.
            with dying(consumer, chance):
                statuses = register(separated.address, emails[::2])
            statuses += register(separated.address, emails[1::2])
        assert statuses == {202: ACCOUNTS}
        assert min(relay.kills, consumer.kills) >= KILLS

        token = separated.tradewind("token", "--admin").stdout.strip()
        deadline = time.monotonic() + FINISH_SECONDS
        while len((found := customers(separated.address, token)).keys() & set(emails)) < ACCOUNTS:
            assert time.monotonic() < deadline, f"{len(found)} customers"
            time.sleep(LOOK_SECONDS)
        assert {email: count for email, count in found.items() if email in emails and count != 1} == {}
    finally:
        for worker in workers:
            worker.end()
