"""What ``status`` tells: each part's state now, where it is, and what it costs."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from tradewind.parts import is_ready
from tradewind.processes import memory_bytes
from tradewind.runs import PartRecord, Run
from tradewind.supervisor import PartState

RUNNER = "runner"
_COLOURS: dict[str, str] = {PartState.READY: "green", PartState.STARTING: "yellow"}


@dataclass(frozen=True, slots=True)
class Row:
    """One part; ``memory_bytes`` is its share (PSS), with its child processes."""

    name: str
    state: str
    pid: int | None
    address: str
    metrics: str | None
    memory_bytes: int | None
    restarts: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def rows(run: Run) -> list[Row]:
    """Return every part and the runner itself, with services asked whether they are ready at this moment."""
    own = memory_bytes(run.runner.pid, descendants=False)
    runner = Row(RUNNER, PartState.READY, run.runner.pid, run.network.public_url, None, own, 0)
    return [*asyncio.run(_parts(run)), runner]


async def _parts(run: Run) -> list[Row]:
    return list(await asyncio.gather(*(_row(part) for part in run.parts)))


async def _row(part: PartRecord) -> Row:
    pid = part.process.pid if part.process else None
    state = part.state
    if part.state == PartState.READY and part.metrics is not None:
        port = urlsplit(part.address).port or 0
        state = PartState.READY if await is_ready(port) else "not ready"
    return Row(part.name, state, pid, part.address, part.metrics, memory_bytes(pid) if pid else None, part.restarts)


def table(found: list[Row]) -> str:
    """Return rows as a table for a person."""
    lines = [f"{'PART':<14}{'STATE':<12}{'PID':>8}  {'MEMORY':>9}  {'RESTARTS':>8}  {'ADDRESS':<26}METRICS"]
    for row in found:
        state = click.style(f"{row.state:<12}", fg=_COLOURS.get(row.state, "red"))
        memory = f"{row.memory_bytes / 1e6:.0f} MB" if row.memory_bytes is not None else "?"
        pid = row.pid if row.pid is not None else "-"
        lines.append(
            f"{row.name:<14}{state}{pid:>8}  {memory:>9}  {row.restarts:>8}  {row.address:<26}{row.metrics or ''}"
        )
    total = sum(row.memory_bytes or 0 for row in found)
    lines.append(f"{'all':<14}{'':<12}{'':>8}  {total / 1e6:>6.0f} MB")
    return "\n".join(lines)
