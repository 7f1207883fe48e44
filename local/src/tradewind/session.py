"""What a command needs to work with the run under way: its addresses, its passwords, its services' commands."""

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tradewind.api import Api
from tradewind.checkout import Checkout
from tradewind.credentials import Credentials
from tradewind.environment import Environments
from tradewind.errors import TradewindError
from tradewind.hints import Hints
from tradewind.runs import Run
from tradewind.state import State


class NotRunningError(TradewindError):
    """Nothing runs here."""


class ServiceCommandError(TradewindError):
    """A service's command failed."""


@dataclass(frozen=True)
class Session:
    """The run under way in a state folder."""

    checkout: Checkout
    state: State
    run: Run

    @classmethod
    def find(cls, checkout: Checkout, state_folder: Path | None) -> "Session":
        """Return the run under way.

        Raises:
            NotRunningError: There is none.
        """
        state = State(state_folder or checkout.default_state)
        run = state.living_run()
        if run is None:
            up = Hints(checkout, state.folder).command("up")
            raise NotRunningError(f"Nothing is running in {state.folder}; `{up}` starts it.")
        return cls(checkout, state, run)

    @property
    def hints(self) -> Hints:
        """Command lines about this run."""
        return Hints(self.checkout, self.state.folder)

    @property
    def api(self) -> Api:
        """The gateway."""
        return Api(self.run.network.public_url)

    @cached_property
    def credentials(self) -> Credentials:
        """Every password."""
        return self.state.credentials(self.checkout.manifests)

    def run_command(self, service: str, *words: str, said: str = "") -> str:
        """Run one of a service's own commands (``python -m chassis …``) and return what it printed.

        Args:
            service: Whose.
            words: The command and its arguments.
            said: Its standard input, which is the place for a password.

        Raises:
            ServiceCommandError: It failed.
        """
        environment = Environments(self.checkout.manifests, self.run.network, self.credentials).of(service)
        done = subprocess.run(
            self.checkout.command(*words),
            env=environment | {"WEB_CONCURRENCY": "1", "LOG__LEVEL": "error"},
            cwd=self.checkout.root,
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServiceCommandError(f"{service} could not {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
