"""The same request through the gateway and straight to the service: what it costs more, and how long it takes more."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from bench import serving
from bench.load import Target, latencies
from bench.processes import ROOT
from bench.results import Row
from bench.rounds import Effort, interleaved, say
from bench.rows.read_by_id import CONNECTIONS, SCOPE, make_customer
from bench.servers import servers
from bench.serving import Server
from bench.tokens import Issuer, issuing

from chassis import manifest

RATIO = 1.5
ADDED_MILLISECONDS = 1
LATENCIES_PER_ROUND = 200
PAUSE_SECONDS = 0.005


def measure(effort: Effort, folder: Path) -> list[Row]:
    """Return the CPU time of a request on both ways, and what the gateway adds to the median latency."""
    customer = uuid4()
    with ExitStack() as stack:
        issuer = stack.enter_context(issuing())
        shared = stack.enter_context(servers(folder))
        database = shared.create_database("customers")
        service = stack.enter_context(
            serving.service("customers", folder=folder, issuer=issuer, environment=shared.settings(database))
        )
        asyncio.run(make_customer(database, customer))
        gateway = stack.enter_context(_gateway(folder, issuer, service))
        token = issuer.token(str(customer), SCOPE)
        through = Target(gateway.port, "/v1/customers/me", token)
        straight = Target(service.port, "/v1/customers/me", token)
        behind = [service.pid, *shared.pids]
        requests = serving.Requests(connections=CONNECTIONS, seconds=effort.seconds)
        medians = interleaved(
            "gateway",
            {
                "ours": lambda: requests.cpu_microseconds(through, [gateway.pid, *behind]),
                "theirs": lambda: requests.cpu_microseconds(straight, behind),
            },
            effort,
            unit="CPU-us a request",
        )
        count = LATENCIES_PER_ROUND * effort.rounds
        taken = latencies([through, straight], requests=count, pause_seconds=PAUSE_SECONDS)
    slow, fast = (median(seconds) * 1000 for seconds in taken)
    say(f"  gateway: median of {count} single requests: {slow:.3f} ms through it, {fast:.3f} ms straight")
    return [
        Row.compared(
            "through the gateway / straight to the service",
            ours=medians["ours"],
            theirs=medians["theirs"],
            unit="CPU-us/request",
            goal=RATIO,
            better="lower",
            note=f"gateway, customers and PostgreSQL together, {CONNECTIONS} connections, {effort.described}",
        ),
        Row.alone(
            "added by the gateway to the median at low load",
            ours=slow - fast,
            unit="ms",
            goal=ADDED_MILLISECONDS,
            note=f"{count} requests each way, one at a time: {slow:.2f} ms through it, {fast:.2f} ms straight",
        ),
    ]


@contextmanager
def _gateway(folder: Path, issuer: Issuer, service: Server) -> Iterator[Server]:
    """Serve the gateway with limits that let a load generator pass; they are counted all the same."""
    limits = {
        f"LIMITS__DEFAULT__{who}__{what}": value
        for who in ("ACCOUNT", "ADDRESS")
        for what, value in (("RATE", "10000"), ("BURST", "1000000"))
    }
    # It refuses to start without an address for each route; nobody asks for the others'.
    routed = [path.parent.name for path in ROOT.glob("services/*/service.yaml") if manifest.read(path).routes]
    settings = {
        **{manifest.address_setting(name): service.url for name in routed},
        manifest.address_setting("auth"): issuer.url,
        "CLIENT__TOKEN_URL": f"{issuer.url}/v1/oauth/token",
        "CLIENT__SECRET": "not used: no API key is exchanged",
        **limits,
    }
    with serving.service("gateway", folder=folder, issuer=issuer, environment=settings) as server:
        yield server
