"""What ``up`` shows: a line for each part that comes up or dies, and at the end what to do next."""

import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from tradewind import journal
from tradewind.checkout import GATEWAY
from tradewind.runs import Run
from tradewind.supervisor import Kept


class Screen:
    """Shows a run; with ``as_json`` one line of JSON when everything is ready, and the rest on standard error."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        click.echo(sentence, err=self._as_json)

    def ready(self, kept: Kept, seconds: float) -> None:
        """Show a part that answers."""
        again = f" (again, restart {kept.restarts})" if kept.restarts else ""
        part = kept.part
        self.say(f"  {click.style('✓', fg='green')} {part.name:<12} {seconds:5.2f} s   {part.address}{again}")

    def died(self, kept: Kept, returncode: int, again_in_seconds: float) -> None:
        """Show a part that ended without being asked."""
        mark = click.style("✗", fg="red")
        self.say(
            f"  {mark} {kept.part.name:<12} {ending(returncode)}: {journal.reason(kept.part.said())}; "
            f"starting it again in {again_in_seconds:g} s (all it said: {kept.part.log})"
        )

    def changed(self, kept: Iterable[Kept]) -> None:
        """Nothing to show."""

    def everything_is_ready(self, run: Run, *, seconds: float, state: Path, docs: bool, words: str) -> None:
        """Show the addresses and what to do with them.

        Args:
            run: With every part in it.
            seconds: How long it all took.
            state: The state folder.
            docs: Whether the gateway is among the parts.
            words: What every ``tradewind`` command has to be followed by to find this run.
        """
        if self._as_json:
            click.echo(json.dumps({"address": run.network.public_url, "state_dir": str(state), "seconds": seconds}))
            return
        tradewind = command_name()
        self.say(f"\nTradewind is ready after {seconds:.1f} s. Ctrl-C stops it.\n")
        if docs:
            self._show_gateway(run.network.public_url, tradewind, words)
        for title, command in (("Logs", "logs -f"), ("Parts", "status"), ("A story", "demo")):
            self.say(f"  {title:<10}{tradewind} {command}{words}")
        self.say("")

    def _show_gateway(self, url: str, tradewind: str, words: str) -> None:
        token = f"{tradewind} token{words}"
        self.say(f"  {'API':<10}{url}\n  {'Docs':<10}{url}/docs\n  {'Token':<10}{token}")
        self.say(f'  {"Try":<10}curl -sS -H "Authorization: Bearer $({token})" {url}/v1/customers/me')


def ending(returncode: int) -> str:
    """Return how a process ended, in words."""
    if returncode < 0:
        return f"was killed ({signal.Signals(-returncode).name})"
    return f"ended (status {returncode})"


def command_name() -> str:
    """Return how this shell calls us: by name where PATH finds us, else by the path from here."""
    ours = Path(sys.executable).parent / "tradewind"
    on_path = shutil.which("tradewind")
    if on_path and Path(on_path).exists() and Path(on_path).samefile(ours):
        return "tradewind"
    relative = os.path.relpath(sys.executable)
    shortest = relative if not relative.startswith("..") else sys.executable
    return f"{shlex.quote(shortest)} -m tradewind"


def has_gateway(run: Run) -> bool:
    """Tell whether the public address leads anywhere."""
    return any(part.name == GATEWAY for part in run.parts)
