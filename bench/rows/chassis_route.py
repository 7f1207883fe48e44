"""A chassis route with token check, metrics and access log, against the same route in bare FastAPI."""

from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from bench import serving
from bench.load import Target
from bench.processes import ROOT
from bench.results import Row
from bench.rounds import Effort, interleaved
from bench.tokens import issuing

GOAL = 0.75
CONNECTIONS = 16


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return requests a second of one process on one core."""
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        theirs = stack.enter_context(serving.bare("bench.theirs.route:app", folder=folder))
        ours = stack.enter_context(
            serving.service(
                "items",
                folder=folder,
                issuer=issuer,
                environment={"SERVICE_DIR": str(ROOT / "bench" / "ours" / "items")},
            )
        )
        token = issuer.token(str(uuid4()), "items:read")
        path = f"/v1/items/{uuid4()}"
        requests = serving.Requests(connections=CONNECTIONS, seconds=effort.seconds)
        medians = interleaved(
            "chassis-route",
            {
                "ours": lambda: requests.per_second(Target(ours.port, path, token)),
                "theirs": lambda: requests.per_second(Target(theirs.port, path, token)),
            },
            effort,
            unit="requests/s",
        )
    return [
        Row.compared(
            "chassis route / bare FastAPI",
            ours=medians["ours"],
            theirs=medians["theirs"],
            unit="requests/s",
            goal=GOAL,
            better="higher",
            note=f"one process on one core each, {CONNECTIONS} connections, {effort.described}",
        )
    ]
