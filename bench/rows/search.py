"""Searches in a hundred thousand products, against bare asyncpg looking for the same in one statement."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from bench import catalogue, serving
from bench.load import Target, latencies
from bench.processes import CORES
from bench.results import Row
from bench.rounds import FULL, Effort, percentile, say
from bench.servers import servers
from bench.tokens import issuing

GOAL = 1.5
MISTYPED_MILLISECONDS = 100
PRODUCTS = 100_000
QUICK_PRODUCTS = 20_000
REQUESTS_PER_ROUND = 10
PAUSE_SECONDS = 0.005

Search = dict[str, str]
COMPARED: dict[str, list[Search]] = {
    "words": [
        {"q": "umbrella"},
        {"q": "folding umbrella"},
        {"q": "nordic oak lamp"},
        {"q": "travel backpack", "currency": "EUR", "sort": "price"},
    ],
    "filters": [
        {"q": "jacket", "attr.colour": "blue", "attr.size": "m", "currency": "EUR", "price_max": "15000"},
        {"category": "category-7", "attr.material": "oak"},
        {"category": "category-7", "currency": "EUR", "sort": "price"},
        {"category": "category-7"},
        {},
    ],
    "facets": [
        {"q": "vintage guitar", "facets": "true"},
        {"category": "category-7", "attr.colour": "red", "facets": "true"},
    ],
}
MISTYPED: list[Search] = [{"q": "hedphones"}, {"q": "vintge gitar"}, {"q": "qzxwvk"}]


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return medians over the searches of a kind, one request at a time, by the clock."""
    full = effort.rounds >= FULL.rounds
    products = PRODUCTS if full else QUICK_PRODUCTS
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        shared = stack.enter_context(servers(folder))
        database = shared.create_database("catalog")
        ours = stack.enter_context(
            serving.service("catalog", folder=folder, issuer=issuer, environment=shared.settings(database))
        )
        asyncio.run(catalogue.fill(database, products))
        theirs = stack.enter_context(
            serving.bare("bench.theirs.search:app", folder=folder, environment={"BENCH_DATABASE_URL": database})
        )
        count = effort.rounds * REQUESTS_PER_ROUND
        found = {
            kind: [_ask([ours.port, theirs.port], each, count) for each in searches]
            for kind, searches in COMPARED.items()
        }
        mistyped = [_ask([ours.port], each, count)[0] for each in MISTYPED]
    note = f"{products:,} products, {count} requests of each search, one at a time, {len(CORES)} cores"
    return [*(_compared(kind, taken, note) for kind, taken in found.items()), _alone(mistyped, note)]


def _ask(ports: list[int], search: Search, count: int) -> list[list[float]]:
    """Return the milliseconds that each side's answers took, the first few left out."""
    path = f"/v1/products?{urlencode({**search, 'limit': '20'})}"
    targets = [Target(port, path, "") for port in ports]
    latencies(targets, requests=3, pause_seconds=PAUSE_SECONDS)
    taken = [[each * 1000 for each in side] for side in latencies(targets, requests=count, pause_seconds=PAUSE_SECONDS)]
    sides = ", ".join(f"{median(side):.2f} (95th percentile {percentile(side, 0.95):.2f})" for side in taken)
    say(f"  search: {search}: {sides} ms")
    return taken


def _compared(kind: str, taken: list[list[list[float]]], note: str) -> Row:
    """Return a row of the sums of all searches' medians, that is of the mean search."""
    ours, theirs = ([side[place] for side in taken] for place in (0, 1))
    return Row.compared(
        f"search, {kind} / the same in one bare statement",
        ours=_mean([median(each) for each in ours]),
        theirs=_mean([median(each) for each in theirs]),
        unit="ms",
        goal=GOAL,
        better="lower",
        note=f"medians; 95th percentiles {_worst(ours):.1f} and {_worst(theirs):.1f} ms at the most; {note}",
    )


def _alone(mistyped: list[list[float]], note: str) -> Row:
    return Row.alone(
        "search, mistyped words",
        ours=max(median(each) for each in mistyped),
        unit="ms",
        goal=MISTYPED_MILLISECONDS,
        note=f"the median of the slowest; 95th percentile {_worst(mistyped):.1f} ms at the most; {note}",
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _worst(searches: list[list[float]]) -> float:
    return max(percentile(each, 0.95) for each in searches)
