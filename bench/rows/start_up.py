"""The local runner's second start: seconds until everything is ready, and the memory of all its processes together."""

import time
from pathlib import Path
from statistics import median

from bench.processes import CORES, pss_bytes, running
from bench.results import Row
from bench.rounds import Effort, say

SECONDS = 8
MEGABYTES = 900
SETTLING_SECONDS = 3


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return the median of several starts after a first one that makes the databases, and the largest memory."""
    state = folder / "state"
    starts = [_start(state, folder / f"up-{number}.log") for number in range(1 + max(3, effort.rounds // 2))]
    (first, _), second = starts[0], starts[1:]
    say(f"  start-up: first start {first:.2f} s")
    seconds = [each for each, _ in second]
    note = f"every service, PostgreSQL, NATS and the runner, {len(second)} starts, {len(CORES)} cores"
    return [
        Row.alone(
            "second start, all ready",
            ours=median(seconds),
            unit="s",
            goal=SECONDS,
            note=f"{note}; the first start, which makes the databases, took {first:.1f} s",
        ),
        Row.alone(
            "memory of all processes (PSS)",
            ours=max(memory for _, memory in second) / 1e6,
            unit="MB",
            goal=MEGABYTES,
            note=f"{note}, the largest, {SETTLING_SECONDS} s after the start",
        ),
    ]


def _start(state: Path, log: Path) -> tuple[float, int]:
    """Start and stop the system; return the seconds until all was ready, and the bytes all of it took."""
    started = time.perf_counter()
    with running(
        ["-m", "tradewind", "up", "--json", "--port", "0", "--state-dir", str(state)],
        environment={},
        log=log,
        ready=lambda: '"seconds"' in log.read_text(errors="replace"),
        cores=set(CORES),
    ) as pid:
        seconds = time.perf_counter() - started
        time.sleep(SETTLING_SECONDS)
        memory = pss_bytes(pid)
    say(f"  start-up: ready after {seconds:.2f} s, {memory / 1e6:.0f} MB")
    return seconds, memory
