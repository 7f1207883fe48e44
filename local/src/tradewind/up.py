"""``tradewind up``: everything from a folder on the disk to a system that answers, and back."""

import asyncio
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tradewind import journal
from tradewind.checkout import Checkout
from tradewind.errors import TradewindError
from tradewind.hints import Hints
from tradewind.processes import ProcessId, wait_until_gone
from tradewind.runs import PartRecord, Run
from tradewind.screen import Screen
from tradewind.state import AlreadyRunningError, State
from tradewind.supervisor import Kept, Supervisor
from tradewind.system import System, choose_network

_EPHEMERAL_PREFIX = "tradewind-"
_PORT_SECONDS = 2
_LEFTOVER_SECONDS = 8
_BOUNDS_SECONDS = 30
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CannotStartError(TradewindError):
    """The system cannot be started."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    checkout: Checkout
    state_folder: Path | None
    port: int
    workers: int
    only: Sequence[str]
    ephemeral: bool


def up(wish: Wish, screen: Screen) -> None:
    """Start the system, keep it running until a signal comes, stop it.

    Raises:
        CannotStartError, CheckoutError, EmbeddedServerError: One sentence says why not.
    """
    services = _wanted(wish)
    with _state(wish) as state:
        take_over(state)
        _refuse_taken_port(wish.port)
        network = choose_network(list(wish.checkout.manifests), public_port=wish.port, workers=wish.workers)
        credentials = state.credentials(wish.checkout.manifests)
        system = System(wish.checkout, state, network, credentials, services, kept=not wish.ephemeral)
        asyncio.run(_Running(system, screen).until_stopped())


class _Running:
    """One run: the listener that shows and writes down what the supervisor tells."""

    def __init__(self, system: System, screen: Screen) -> None:
        self._system = system
        self._screen = screen
        self._supervisor = Supervisor(self)
        self._me = ProcessId.me()
        self._ids: dict[int, ProcessId | None] = {}

    async def until_stopped(self) -> None:
        """Start everything, run until a signal, stop everything, however far it came."""
        self._supervisor.listen_for_deaths()
        stopped = _signalled()
        work = asyncio.create_task(self._start_and_watch())
        try:
            await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                self._screen.say("\nStopping.")
            else:
                work.result()
        finally:
            work.cancel()
            await self._stop()

    async def _start_and_watch(self) -> None:
        await self._supervisor.keep(self._system.servers())
        await self._system.provide_databases()
        await self._supervisor.keep(self._system.services())
        self._screen.everything_is_ready(
            self._run(),
            seconds=time.time() - psutil.Process().create_time(),
            hints=Hints(self._system.checkout, self._system.state.folder),
        )
        await asyncio.gather(self._supervisor.failed(), self._bound_logs())

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_BOUNDS_SECONDS)
            journal.keep_within_bounds(self._system.state.logs)

    async def _stop(self) -> None:
        started = time.monotonic()
        await self._supervisor.stop(first=self._system.wanted)
        self._system.state.forget_run()
        self._screen.say(f"Everything has stopped after {time.monotonic() - started:.1f} s.")

    def ready(self, kept: Kept, seconds: float) -> None:
        """Show it."""
        self._screen.ready(kept, seconds)

    def died(self, kept: Kept, returncode: int, again_in_seconds: float) -> None:
        """Show it."""
        self._screen.died(kept, returncode, again_in_seconds)

    def changed(self, kept: Iterable[Kept]) -> None:
        """Write down how things stand."""
        self._system.state.save_run(self._run(kept))

    def _run(self, kept: Iterable[Kept] | None = None) -> Run:
        parts = self._supervisor.kept if kept is None else kept
        return Run(self._me, self._system.network, [self._record(each) for each in parts])

    def _record(self, kept: Kept) -> PartRecord:
        part = kept.part
        return PartRecord(
            name=part.name,
            state=kept.state,
            address=part.address,
            metrics=part.metrics,
            restarts=kept.restarts,
            process=self._id(part.pid),
        )

    def _id(self, pid: int | None) -> ProcessId | None:
        if pid is None:
            return None
        if pid not in self._ids:
            self._ids[pid] = ProcessId.of(pid)
        return self._ids[pid]


def _signalled() -> asyncio.Future[None]:
    """Return what is done when a signal asks us to stop."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopped.done():
            stopped.set_result(None)

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    return stopped


def _wanted(wish: Wish) -> list[str]:
    """Return the services to start.

    Raises:
        CannotStartError: One of them does not exist.
    """
    known = list(wish.checkout.manifests)
    if unknown := [name for name in wish.only if name not in known]:
        raise CannotStartError(f"There is no service {unknown[0]!r}; there are {', '.join(known)}.")
    return [name for name in known if not wish.only or name in wish.only]


@contextmanager
def _state(wish: Wish) -> Iterator[State]:
    """Yield the state folder, locked; one that is to be thrown away is, in the end."""
    folder = wish.state_folder or wish.checkout.default_state
    if wish.ephemeral:
        _sweep()
        folder = wish.state_folder or Path(tempfile.mkdtemp(prefix=_EPHEMERAL_PREFIX))
    state = State(folder)
    if wish.ephemeral and state.exists():
        raise CannotStartError(f"{folder} holds something already, and --ephemeral would delete it.")
    try:
        state.prepare()
        state.lock()
    except OSError as error:
        raise CannotStartError(f"{folder} cannot be used: {error.strerror}; choose another with --state-dir.") from None
    except AlreadyRunningError:
        raise CannotStartError(_already_running(wish, state)) from None
    try:
        yield state
    finally:
        if wish.ephemeral:
            state.remove()
        state.unlock()


def _already_running(wish: Wish, state: State) -> str:
    run = state.run()
    who = f" (process {run.runner.pid}, {run.network.public_url})" if run else ""
    return f"Tradewind is running already{who}; `{Hints(wish.checkout, state.folder).command('down')}` stops it."


def take_over(state: State) -> None:
    """Wait for the parts of a runner that was killed, which are ending; stop those that do not."""
    run = state.run()
    if run is not None:
        stubborn = wait_until_gone(run.leftovers(), seconds=_LEFTOVER_SECONDS)
        for process in stubborn:
            process.send(signal.SIGKILL)
        wait_until_gone(stubborn, seconds=_LEFTOVER_SECONDS)
    state.forget_run()
    journal.keep_within_bounds(state.logs)


def _sweep() -> None:
    """Remove throw-away folders whose runner was killed before it could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_EPHEMERAL_PREFIX}*"):
        with suppress(OSError, AlreadyRunningError):
            if folder.stat().st_uid == os.geteuid() and (folder / "lock").exists():
                state = State(folder)
                state.lock()
                state.remove()
                state.unlock()


def _refuse_taken_port(port: int) -> None:
    """Make sure that the gateway will get its port.

    Raises:
        CannotStartError: Somebody has it.
    """
    deadline = time.monotonic() + _PORT_SECONDS
    while port and not _is_free(port):
        if time.monotonic() > deadline:
            raise CannotStartError(
                f"Port {port} is taken by another program: choose another with --port, or any free one with --port 0."
            )
        time.sleep(0.05)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True
