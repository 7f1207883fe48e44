"""What ``up`` shows: a line for each part that comes up or dies, and at the end what to do next."""

import json
import signal
from collections.abc import Iterable
from contextlib import suppress

import click

from tradewind import journal
from tradewind.checkout import GATEWAY
from tradewind.hints import Hints
from tradewind.runs import Run
from tradewind.supervisor import Kept

_CATALOG = "catalog"


class Screen:
    """Shows a run; with ``as_json`` one line of JSON when everything is ready, and the rest on standard error."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json

    def say(self, sentence: str) -> None:
        """Show a sentence, if anybody still looks: a terminal that was closed ends nothing but itself."""
        with suppress(OSError):
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

    def everything_is_ready(self, run: Run, *, seconds: float, hints: Hints) -> None:
        """Show the addresses and what to do with them, ``seconds`` after it all began."""
        url = run.network.public_url
        if self._as_json:
            with suppress(OSError):
                click.echo(json.dumps({"address": url, "state_dir": str(hints.folder), "seconds": round(seconds, 2)}))
            return
        self.say(f"\nTradewind is ready after {seconds:.1f} s. Ctrl-C stops it.\n")
        if any(part.name == GATEWAY for part in run.parts):
            token = hints.command("token")
            self._show("API", url)
            self._show("Docs", f"{url}/docs")
            self._show("Token", token)
            self._show("Try", f'curl -sS -H "Authorization: Bearer $({token})" {url}/v1/customers/me')
            self._show("A story", hints.command("demo"))
            if any(part.name == _CATALOG for part in run.parts):
                self._show("A shop", hints.command("import products --demo"))
        self._show("Logs", hints.command("logs -f"))
        self._show("Parts", hints.command("status"))
        self.say("")

    def _show(self, title: str, what: str) -> None:
        self.say(f"  {title:<10}{what}")


def ending(returncode: int) -> str:
    """Return how a process ended, in words."""
    if returncode < 0:
        return f"was killed ({signal.Signals(-returncode).name})"
    return f"ended (status {returncode})"
