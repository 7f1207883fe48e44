"""An event's way from a committed transaction to a committed effect: what it costs, and how long it takes when idle.

Per side a producer and a consumer process; PostgreSQL and NATS are shared, and count for whoever is being measured.
"""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.processes import cpu_seconds, program, running
from bench.results import Row
from bench.rounds import Effort, interleaved, percentile, say
from bench.servers import Servers, servers

RATIO = 0.5
IDLE_MILLISECONDS = 50
EVENTS_PER_SECOND_OF_EFFORT = 1000
IDLE_EVENTS_PER_ROUND = 50
IDLE_PAUSE_SECONDS = 0.03
ANSWER_SECONDS = 60


class End:
    """A producer or consumer process, and the socket on which it takes orders."""

    def __init__(self, pid: int, path: Path) -> None:
        self.pid = pid
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rw", encoding="utf-8")

    def do(self, order: str) -> list[float]:
        """Give an order and return what came of it.

        Raises:
            OSError: Nothing came of it in time, or the process has ended.
        """
        self._lines.write(order + "\n")
        self._lines.flush()
        if not (answer := self._lines.readline()):
            raise ConnectionError(f"A process ended instead of doing this: {order}")
        seconds: list[float] = json.loads(answer)
        return seconds

    def close(self) -> None:
        """Let the socket go."""
        self._lines.close()
        self._socket.close()


class Side:
    """Both ends of one side."""

    def __init__(self, producer: End, consumer: End, shared: Servers) -> None:
        self._producer = producer
        self._consumer = consumer
        self._pids = [producer.pid, consumer.pid, *shared.pids]
        self.per_second: list[float] = []
        self.idle_seconds: list[float] = []

    def events_per_cpu_second(self, count: int) -> float:
        """Send ``count`` events through, as fast as they go."""
        before, started = cpu_seconds(self._pids), time.perf_counter()
        self._send(count, pause_seconds=0)
        self.per_second.append(count / (time.perf_counter() - started))
        return count / (cpu_seconds(self._pids) - before)

    def idle(self, count: int) -> float:
        """Send events one by one; return the slowest one's milliseconds, and keep all."""
        seconds = self._send(count, pause_seconds=IDLE_PAUSE_SECONDS)
        self.idle_seconds += seconds
        return max(seconds) * 1000

    def _send(self, count: int, *, pause_seconds: float) -> list[float]:
        self._consumer.do(f"expect {count}")
        self._producer.do(f"write {count} {pause_seconds}")
        return self._consumer.do("wait")


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return events per CPU-second of both sides, and our 99th percentile when idle."""
    with ExitStack() as stack:
        shared = stack.enter_context(servers(folder))
        sides = {name: stack.enter_context(_side(name, folder, shared)) for name in ("ours", "theirs")}
        count = int(EVENTS_PER_SECOND_OF_EFFORT * effort.seconds)
        medians = interleaved(
            "outbox",
            {name: lambda side=side: side.events_per_cpu_second(count) for name, side in sides.items()},  # type: ignore[misc]
            effort,
            unit="events/CPU-s",
        )
        interleaved(
            "outbox, idle",
            {name: lambda side=side: side.idle(IDLE_EVENTS_PER_ROUND) for name, side in sides.items()},  # type: ignore[misc]
            effort,
            unit="ms at most",
        )
    ours, theirs = sides["ours"], sides["theirs"]
    say(
        f"  outbox: a second, by the clock: ours {max(ours.per_second):.0f}, theirs {max(theirs.per_second):.0f} events"
    )
    percentiles = {name: percentile(side.idle_seconds, 0.99) * 1000 for name, side in sides.items()}
    return [
        Row.compared(
            "outbox to consumer / asyncpg and batched publish",
            ours=medians["ours"],
            theirs=medians["theirs"],
            unit="events/CPU-s",
            goal=RATIO,
            better="higher",
            note=f"producer, consumer, PostgreSQL and NATS together, {effort.rounds} rounds of {count} events a side",
        ),
        Row.alone(
            "outbox to consumer when idle, 99th percentile",
            ours=percentiles["ours"],
            unit="ms",
            goal=IDLE_MILLISECONDS,
            note=f"{len(ours.idle_seconds)} events, one at a time; the bare side takes {percentiles['theirs']:.1f} ms",
        ),
    ]


@contextmanager
def _side(name: str, folder: Path, shared: Servers) -> Iterator[Side]:
    database = shared.create_database(name)
    with (
        _end(name, "consume", folder, database, shared) as consumer,
        _end(name, "produce", folder, database, shared) as producer,
    ):
        yield Side(producer, consumer, shared)


@contextmanager
def _end(side: str, role: str, folder: Path, database: str, shared: Servers) -> Iterator[End]:
    path = folder / f"{side}-{role}.socket"
    with running(
        program("bench.pipeline", side, role, name=f"{side}-{role}"),
        environment={
            "BENCH_DATABASE_URL": database,
            "BENCH_BROKER_URL": shared.broker_url,
            "BENCH_SOCKET": str(path),
        },
        log=folder / f"{side}-{role}.log",
        ready=path.exists,
    ) as pid:
        end = End(pid, path)
        try:
            yield end
        finally:
            end.close()
