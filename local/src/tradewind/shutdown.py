"""Stopping a run from another terminal, and what a killed runner may have left."""

import signal
import time

from tradewind.processes import wait_until_gone
from tradewind.state import State

_RUNNER_SECONDS = 10
_PARTS_SECONDS = 5


def down(state: State) -> str:
    """Stop the run under way, its runner first; return one sentence about what came of it."""
    run = state.run()
    if run is None or not (run.is_alive() or run.leftovers()):
        return f"Nothing is running in {state.folder}."
    started = time.monotonic()
    run.runner.send(signal.SIGTERM)
    for stubborn in wait_until_gone([run.runner], seconds=_RUNNER_SECONDS):
        stubborn.send(signal.SIGKILL)
    for stubborn in wait_until_gone(run.leftovers(), seconds=_PARTS_SECONDS):
        stubborn.send(signal.SIGKILL)
    wait_until_gone([run.runner, *run.leftovers()], seconds=_PARTS_SECONDS)
    state.forget_run()
    return f"Everything has stopped after {time.monotonic() - started:.1f} s."
