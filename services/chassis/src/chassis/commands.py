"""The command line of every service: ``python -m chassis COMMAND``, with ``SERVICE`` naming the package."""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TextIO, TypeVar

import click

from chassis import contracts, logs, settings
from chassis.app import Service, version_of
from chassis.events import EventData
from chassis.manifest import event_type, service_dir

Result = TypeVar("Result")


def service_name() -> str:
    """Return ``SERVICE``, or end with a sentence."""
    name = os.environ.get("SERVICE", "")
    if not name:
        raise click.UsageError("Set SERVICE to the package to run, for example SERVICE=customers.")
    return name


def build(log: TextIO = sys.stderr) -> Service:
    """Build the service from its settings, which must be complete; its log goes to ``log``."""
    name = service_name()
    try:
        module = importlib.import_module(f"{name}.main")
    except ModuleNotFoundError as error:
        if error.name not in (name, f"{name}.main"):
            raise
        raise click.UsageError(f"There is no service package named {name!r}.") from error
    configured = settings.load(module.Settings)
    logs.configure(configured.log, service=name, version=version_of(name), stream=log)
    service: Service = module.build(configured)
    return service


def run(job: Callable[[Service], Awaitable[Result]]) -> Result:
    """Run ``job`` with everything the service uses opened, and nothing running beside it."""

    async def within() -> Result:
        service = build()
        async with service.resources():
            return await job(service)

    return asyncio.run(within())


class _Commands(click.Group):
    """The common commands, and those the service named by ``SERVICE`` adds (``<service>.commands.COMMANDS``)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *sorted(self._own())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._own().get(cmd_name)

    def _own(self) -> dict[str, click.Command]:
        name = os.environ.get("SERVICE", "")
        try:
            module = importlib.import_module(f"{name}.commands")
        except (ModuleNotFoundError, ValueError, TypeError):
            return {}
        commands: list[click.Command] = module.COMMANDS
        return {command.name or "": command for command in commands}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run one Tradewind service, the package that SERVICE names, with settings from the environment."""


@main.command()
@click.option("--migrate", "prepare", is_flag=True, help="Apply migrations and create the stream first.")
def serve(*, prepare: bool) -> None:
    """Serve the API, with relay, consumers and jobs beside it (BACKGROUND=false leaves those to `work`)."""
    from chassis.serving import serve as serve_service

    service_name()
    serve_service(lambda: build(sys.stdout), prepare=prepare)


@main.command()
def work() -> None:
    """Run relay, consumers and jobs; of the API only the probes are served."""
    from chassis.serving import work as work_on

    service_name()
    work_on(build(sys.stdout))


@main.command()
def migrate() -> None:
    """Bring the schema to the code's version and create the service's stream; safe to repeat."""

    async def prepare() -> None:
        await build().run_preparations()

    asyncio.run(prepare())


@main.command()
@click.option("--since", required=True, type=click.DateTime(), help="Publish again what was sent since then (UTC).")
def republish(since: datetime) -> None:
    """Publish sent events again, for a stream that was lost; consumers ignore those they know."""
    from chassis.outbox import republish as again

    count = run(lambda service: again(service.app.state.database, since))
    click.echo(f"{count} event(s) will be published again.")


@main.group("dead-letters")
def dead_letters() -> None:
    """Look at events that could not be handled, and hand them in again."""


@dead_letters.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def list_dead(*, as_json: bool) -> None:
    """List dead letters, oldest first."""
    from chassis.failures import dead_letters as find

    found = run(lambda service: find(service.app.state.database))
    if as_json:
        click.echo(json.dumps([each.to_json() for each in found], indent=2, default=str))
        return
    for each in found:
        click.echo(f"{each.id:>8}  {each.failed_at:%Y-%m-%d %H:%M:%S}  {each.consumer}  {each.type}  {each.error}")
    click.echo(f"{len(found)} dead letter(s).")


@dead_letters.command("replay")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
def replay_dead(ids: tuple[int, ...], *, everything: bool) -> None:
    """Hand dead letters in again, by id or all of them; the running service handles them."""
    from chassis.failures import replay

    if bool(ids) == everything:
        raise click.UsageError("Name the ids to replay, or --all.")
    count = run(lambda service: replay(service.app.state.database, None if everything else list(ids)))
    click.echo(f"{count} event(s) will be handled again.")


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if the checked-in document is not current.")
@click.option("--print", "show", is_flag=True, help="Print the document instead.")
def openapi(*, check: bool, show: bool) -> None:
    """Write the OpenAPI document to where it is checked in; a breaking change is refused."""
    document = documented().app.openapi()
    if show:
        click.echo(json.dumps(document, indent=2))
        return
    path = service_dir(service_name()) / "openapi.json"
    _settled(contracts.settle(path, document, contracts.breaking_openapi_changes, check=check))


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a checked-in schema is not current.")
def schemas(*, check: bool) -> None:
    """Write the JSON Schemas of the events this service tells; a breaking change is refused."""
    name = service_name()
    folder = service_dir(name) / "events"
    try:
        published: tuple[type[EventData], ...] = importlib.import_module(f"{name}.events").PUBLISHED
    except ModuleNotFoundError:
        published = ()
    found = {f"{each.name}.v{each.version}": event_schema(name, each) for each in published}
    _settled(contracts.settle_folder(folder, found, contracts.breaking_schema_changes, check=check))


def event_schema(service: str, event: type[EventData]) -> dict[str, Any]:
    """Return the published JSON Schema of one event's data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": event_type(service, event.name, event.version),
        **event.model_json_schema(),
    }


def documented() -> Service:
    """Build the service for its documents alone: examples stand for its settings, and nothing is opened."""
    name = service_name()
    module = importlib.import_module(f"{name}.main")
    service: Service = module.build(settings.example(module.Settings))
    return service


def _settled(sentences: list[str]) -> None:
    for sentence in sentences:
        click.echo(sentence, err=True)
    if sentences:
        sys.exit(1)
