"""A whole checkout, from the request to the confirmed order, against the same HTTP hops with one transaction each."""

from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import shops
from bench.processes import CORES
from bench.results import Row
from bench.rounds import Effort, interleaved, say
from bench.tokens import issuing

GOAL = 0.35
AT_ONCE = 8
ORDERS_PER_SECOND_OF_EFFORT = 60


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return orders a CPU-second of both sides."""
    count = int(ORDERS_PER_SECOND_OF_EFFORT * effort.seconds)
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        ours = stack.enter_context(shops.ours(folder, issuer, customers=count))
        theirs = stack.enter_context(shops.theirs(folder, issuer, customers=count))
        medians = interleaved(
            "checkout",
            {
                "ours": lambda: 1000 / ours.cpu_milliseconds(count, at_once=AT_ONCE),
                "theirs": lambda: 1000 / theirs.cpu_milliseconds(count, at_once=AT_ONCE),
            },
            effort,
            unit="orders/CPU-s",
        )
    for side, shop in (("ours", ours), ("theirs", theirs)):
        wait = median(shop.seconds) * 1000
        say(f"  checkout: {side}, by the clock: {max(shop.per_second):.0f} orders/s, a customer waits {wait:.0f} ms")
    return [
        Row.compared(
            "checkout, whole saga / the same hops with a transaction each",
            ours=medians["ours"],
            theirs=medians["theirs"],
            unit="orders/CPU-s",
            goal=GOAL,
            better="higher",
            note=(
                f"five services, PostgreSQL and NATS together, {AT_ONCE} customers at once, "
                f"{effort.rounds} rounds of {count} orders a side, {len(CORES)} cores"
            ),
        )
    ]
