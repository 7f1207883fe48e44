"""One run: people buy, processes die, and at rest the books are looked at."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from httpx2 import Client, HTTPError

from tests.chaos.books import Books
from tests.chaos.havoc import Havoc
from tests.chaos.network import Network
from tests.chaos.shop import Goods, Shopper, Till, open_shop
from tests.chaos.told import Told, repeat
from tests.chaos.up import NETWORK, WITNESS
from tests.e2e.people import Person
from tradewind.testing import RunningSystem

SHOPPERS = 8
_REST_LOOKS = 240
_HEARD_LOOKS = 60
"""An event that was in somebody's hands when he died comes again after half a minute."""
_LOOK_SECONDS = 1.0
_SECONDS_PER_ORDER, _SECONDS_PER_KILL, _SECONDS_MORE = 5, 15, 240
"""A run that takes longer has failed."""
_ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", "tests.chaos.up")
# The provider's slowness is the point of some tokens; it need not be that slow here. People are many, from one address.
_ENVIRONMENT = {
    "PYTHONPATH": f"{_ROOT}{os.pathsep}{WITNESS / 'src'}",
    "LATE_SECONDS": "1",
    "HANG_SECONDS": "5",
    "LIMITS__DEFAULT__ADDRESS__RATE": "2000",
    "LIMITS__DEFAULT__ACCOUNT__RATE": "1000",
    "LIMITS__DEFAULT__ACCOUNT__BURST": "1000",
}


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    orders: dict[str, int]
    kills: int
    broken: list[str]


def run(*, orders: int, kills: int, seed: int, tell: Callable[[str], None]) -> Result:
    """Let people buy in a system of its own while its processes are killed, and look at the books afterwards.

    Args:
        tell: Is told how it goes.
    """
    with Network("inventory", "payments") as network:
        environment = {**_ENVIRONMENT, NETWORK: json.dumps(network.ports)}
        with (
            RunningSystem("--ephemeral", tradewind=_COMMAND, environment=environment) as system,
            Client(base_url=system.address, timeout=30) as api,
        ):
            network.lead_into(system)
            tell("everything runs")
            goods = open_shop(_admin(api, system.state), pieces=max(6, orders // 4))
            till = Till(orders, keep_step=lambda number: havoc.kills >= kills * (number - SHOPPERS) / orders)
            havoc = Havoc(
                system,
                kills=kills,
                seed=seed,
                progress=lambda: len(till.accepted) / orders,
                told=lambda what: tell(f"{len(till.accepted)} orders: {what}"),
            )
            shoppers = [
                Shopper(system.address, goods, till, network.holds, seed=f"{seed}-{number}")
                for number in range(SHOPPERS)
            ]
            seconds = orders * _SECONDS_PER_ORDER + kills * _SECONDS_PER_KILL + _SECONDS_MORE
            _let_them_buy(shoppers, havoc, till, seconds)
            tell(f"{len(till.accepted)} orders accepted; waiting until all of them are final")
            _rest(api, goods, till, system.state)
            books = Books(_admin(api, system.state), goods, till.accepted)
            # What was lost must not come back with the repetition.
            unheard = list(Told(system.state).missing(books.expected()))
            tell(f"everything is at rest; {repeat(system.state)} events are delivered once more")
            wrong = [*till.lost, *unheard, *books.broken(Told(system.state))]
            statuses = [each["status"] for each in books.orders.values()]
            return Result({each: statuses.count(each) for each in sorted(set(statuses))}, havoc.kills, wrong)


def _let_them_buy(shoppers: list[Shopper], havoc: Havoc, till: Till, seconds: int) -> None:
    """Return when people have what they want, and havoc is over; at the latest after so many seconds."""
    buying = [threading.Thread(target=each.run, daemon=True) for each in shoppers]
    killing = threading.Thread(target=havoc.run, daemon=True)
    for thread in (*buying, killing):
        thread.start()
    try:
        # Counted, not read from a clock: what stands still for a while is not late.
        while seconds and any(thread.is_alive() for thread in (*buying, killing)):
            time.sleep(_LOOK_SECONDS)
            seconds -= 1
        if any(thread.is_alive() for thread in buying):
            till.lose("not everybody got what they wanted in time")
    finally:
        # Also when somebody interrupts this.
        havoc.stop()
        till.closed.set()
        killing.join()


def _admin(api: Client, state: Path) -> Person:
    """Return the first admin, as soon as everything answers again."""
    words = [*_COMMAND, "token", "--admin", "--state-dir", str(state)]
    looks = _REST_LOOKS
    while True:
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=_ROOT)
        if done.returncode == 0:
            return Person(api, tokens={"access_token": done.stdout.strip()})
        looks -= 1
        assert looks, done.stderr
        time.sleep(_LOOK_SECONDS)


def _rest(api: Client, goods: Goods, till: Till, state: Path) -> None:
    """Wait until every order is final and everything told was heard, or for as long as that may take."""
    staff, heard_looks = _admin(api, state), _HEARD_LOOKS
    for _ in range(_REST_LOOKS):
        try:
            books = Books(staff, goods, till.accepted)
            if not books.unfinished():
                heard_looks -= 1
                if not heard_looks or Told(state).is_complete(books.expected()):
                    break
        except (AssertionError, HTTPError, OSError, asyncpg.PostgresError):
            # A part is still away, or the token is too old.
            staff = _admin(api, state)
        time.sleep(_LOOK_SECONDS)
    # Reconciliation looks five seconds back.
    time.sleep(6)
