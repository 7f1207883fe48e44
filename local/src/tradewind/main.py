"""The ``tradewind`` command: the whole system as processes on one machine."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradewind.checkout import Checkout

if TYPE_CHECKING:
    from tradewind.state import State


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.pass_context
def cli(context: click.Context) -> None:
    """Run Tradewind on this machine: every service, PostgreSQL and NATS as processes, started and stopped together."""
    context.obj = context.obj or Checkout.of_this_package()


def _examples(*lines: str) -> str:
    """Return an epilogue whose lines stay as they are: what begins with a backspace is not wrapped."""
    return "\b\nExamples:\n" + "\n".join(f"  tradewind {line}" for line in lines)


state_dir = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with all data, logs and passwords. [default: .tradewind in the checkout]",
)


def _address(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """Refuse what is no address before anything is sent there."""
    if given is not None and not given.startswith(("http://", "https://")):
        raise click.BadParameter("It should look like http://127.0.0.1:8080.")
    return given.rstrip("/") if given else None


base_url = click.option(
    "--base-url",
    metavar="URL",
    callback=_address,
    help="Another system than the one of the state folder: a cluster's address. Who runs it, say ADMIN_EMAIL and "
    "ADMIN_PASSWORD, or TRADEWIND_TOKEN, in the environment.",
)


@cli.command(epilog=_examples("up", "up --port 9000", "up --only auth,customers", "up --ephemeral --port 0 --json"))
@state_dir
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The gateway's; 0: any.")
@click.option("--only", default="", metavar="A,B", help="Start these services alone; the servers always start.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes per service.")
@click.option("--ephemeral", is_flag=True, help="Begin with nothing, and delete all data at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when everything is ready.")
@click.pass_obj
def up(
    checkout: Checkout, *, state_dir: Path | None, port: int, only: str, workers: int, ephemeral: bool, as_json: bool
) -> None:
    """Start everything and keep it running until Ctrl-C.

    A part that dies is started again, after growing pauses. Nothing outlives this command, even if it is killed.
    All data is kept in one folder, and the next start goes on with it.
    """
    from tradewind.screen import Screen
    from tradewind.up import Wish
    from tradewind.up import up as start

    names = [name.strip() for name in only.split(",") if name.strip()]
    wish = Wish(checkout, state_dir, port=port, workers=workers, only=names, ephemeral=ephemeral)
    start(wish, Screen(as_json=as_json))


@cli.command()
@state_dir
@click.pass_obj
def down(checkout: Checkout, state_dir: Path | None) -> None:
    """Stop what `up` started, from another terminal; the data stays."""
    from tradewind.shutdown import down as stop

    click.echo(stop(_state(checkout, state_dir)))


@cli.command()
@state_dir
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of a table.")
@click.pass_obj
def status(checkout: Checkout, *, state_dir: Path | None, as_json: bool) -> None:
    """Show each part's state, address, memory and restarts.

    Memory is what a part's processes take of this machine's, what they share divided among them (PSS).
    Ends with 1 when nothing is running, or a part is not ready.
    """
    import json

    from tradewind.overview import rows, table
    from tradewind.session import Session

    found = rows(Session.find(checkout, state_dir).run)
    click.echo(json.dumps([row.to_json() for row in found], indent=2) if as_json else table(found))
    if any(row.state != "ready" for row in found):
        sys.exit(1)


@cli.command(epilog=_examples("logs -f", "logs auth -n 20", "logs --level warning", "logs --trace TRACE_ID"))
@state_dir
@click.argument("parts", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on showing what is written, until Ctrl-C.")
@click.option(
    "-n", "--lines", default=100, show_default=True, type=click.IntRange(min=0), help="How many, of all parts together."
)
@click.option("--trace", default="", metavar="ID", help="Only what belongs to one request: its trace_id.")
@click.option(
    "--level",
    type=click.Choice(["info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Nothing less than this.",
)
@click.pass_obj
def logs(
    checkout: Checkout,
    *,
    state_dir: Path | None,
    parts: tuple[str, ...],
    follow: bool,
    lines: int,
    trace: str,
    level: str,
) -> None:
    """Show what the parts say, in the order of time (UTC).

    PARTS are services, postgres and nats; without them, all are shown. The answer to every request names its trace
    (X-Request-ID): with --trace its way through the services is shown.
    """
    from tradewind import journal

    logs = journal.find_logs(_state(checkout, state_dir).logs, parts)
    wanted = journal.filter_for(trace=trace, level=level)
    for entry in journal.last_entries(logs, lines, wanted):
        click.echo(entry.shown())
    if follow:
        with suppress(KeyboardInterrupt):
            for entry in journal.follow(logs, wanted):
                click.echo(entry.shown())


@cli.command(epilog='Example: curl -H "Authorization: Bearer $(tradewind token)" http://127.0.0.1:8000/v1/customers/me')
@state_dir
@click.option("--admin", is_flag=True, help="Of the first administrator instead of the demo customer.")
@click.pass_obj
def token(checkout: Checkout, *, state_dir: Path | None, admin: bool) -> None:
    """Print a fresh access token of a demo customer.

    It is valid for ten minutes. The account is made when it is first wanted.
    """
    from tradewind.accounts import access_token
    from tradewind.session import Session

    click.echo(access_token(Session.find(checkout, state_dir), admin=admin))


@cli.command(
    context_settings={"ignore_unknown_options": True},
    epilog=_examples("psql customers", "psql auth -c 'SELECT * FROM outbox LIMIT 5'"),
)
@state_dir
@click.argument("service")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(checkout: Checkout, *, state_dir: Path | None, service: str, words: tuple[str, ...]) -> None:
    """Open psql on a service's database, as that service.

    WORDS are psql's own arguments.
    """
    from tradewind.console import run_psql
    from tradewind.session import Session

    run_psql(Session.find(checkout, state_dir), service, words)


@cli.command()
@state_dir
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reset(checkout: Checkout, *, state_dir: Path | None, yes: bool) -> None:
    """Delete all data, logs and passwords; asks first.

    The system must be down. The next start begins anew.
    """
    state = _state(checkout, state_dir)
    if state.living_run():
        raise click.ClickException("It is running; stop it first (`tradewind down`).")
    if not state.exists():
        click.echo(f"There is nothing in {state.folder}.")
        return
    if not yes:
        click.confirm(f"Delete all data in {state.folder}?", abort=True)
    state.remove()
    click.echo(f"{state.folder} is empty; the next `up` begins anew.")


@cli.command()
@state_dir
@click.option("--json", "as_json", is_flag=True, help="A list of {to, subject, body, at}.")
@click.pass_obj
def mail(checkout: Checkout, *, state_dir: Path | None, as_json: bool) -> None:
    """Show the mails that the system would have sent, oldest first."""
    from tradewind.mailbox import read, shown
    from tradewind.session import Session

    written = read(Session.find(checkout, state_dir))
    click.echo(written if as_json else shown(written), nl=False)


@cli.command()
@state_dir
@click.pass_obj
def doctor(checkout: Checkout, state_dir: Path | None) -> None:
    """Say what this machine lacks, and how to mend it.

    Ends with 1 if the system cannot run.
    """
    from tradewind.doctor import examine

    sick = False
    for finding in examine(checkout, _state(checkout, state_dir)):
        sick = sick or (finding.serious and not finding.is_well)
        mark = (
            click.style("✓", fg="green") if finding.is_well else click.style("✗" if finding.serious else "!", fg="red")
        )
        click.echo(f"  {mark} {finding.what}")
        if not finding.is_well:
            click.echo(f"      {finding.mend}")
    if sick:
        sys.exit(1)


@cli.command(
    "import",
    epilog=_examples("import products spring.csv", "import products --demo", "import products big.jsonl --resume ID"),
)
@click.argument("what", type=click.Choice(["products"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@state_dir
@click.option(
    "--demo", "from_showroom", is_flag=True, help="Some hundred made-up products, with stock, instead of a file."
)
@click.option("--resume", metavar="ID", help="Go on with an import that was cut short, with the same file.")
@click.pass_obj
def import_(
    checkout: Checkout,
    *,
    what: str,  # noqa: ARG001 - the only kind there is yet
    file: Path | None,
    state_dir: Path | None,
    from_showroom: bool,
    resume: str | None,
) -> None:
    """Bring products into the catalogue, from a file.

    A file whose name ends in .csv is CSV with a row per variant, any other is JSON lines. What is refused is shown and
    keeps nothing else out; it ends with 1 then. To import a file again is safe.
    """
    from tradewind.accounts import access_token
    from tradewind.importing import ProductImport, Source
    from tradewind.session import Session
    from tradewind.staff import StaffApi

    if (file is None) is not from_showroom:
        raise click.UsageError("Name a file, or say --demo.")
    session = Session.find(checkout, state_dir)
    importing = ProductImport(StaffApi(session.api, lambda: access_token(session, admin=True)), click.echo)
    if file is None:
        importing.make_categories()
    source = Source.of_showroom() if file is None else Source.of_file(file)
    import_id = resume or importing.start(source)
    click.echo(f"Import {import_id} of {source.name}")
    known = importing.run(source, import_id)
    if file is None:
        importing.fill_shelves()
    if known["refused"]:
        for sentence in importing.refused(import_id):
            click.echo(f"  {sentence}", err=True)
        sys.exit(1)


@cli.command(epilog=_examples("demo", "demo accounts", "demo --base-url http://127.0.0.1:8080"))
@click.argument("story", type=click.Choice(["shopping", "accounts"]), default="shopping")
@state_dir
@base_url
@click.pass_obj
def demo(checkout: Checkout, *, story: str, state_dir: Path | None, base_url: str | None) -> None:
    """Tell a short story through the gateway: shopping, or accounts.

    Shopping: a customer finds something, is declined, pays with another card, gets it shipped by the staff, and sends a
    piece back. Accounts: a customer registers, signs in, changes this and that, and is refused what should be.
    Each request is shown, with what came of it. Ends with 1 if an answer is not what it should be.
    """
    from tradewind.target import Target

    target = Target.find(checkout, state_dir, base_url)
    if story == "shopping":
        from tradewind.shopping import ShoppingStory

        ShoppingStory(target, click.echo).play()
    else:
        from tradewind.demo import Story

        Story(target.api, click.echo, target.hints).play()


@cli.command(epilog=_examples("reconcile", "reconcile --as-of 2026-01-31T23:59:59Z", "reconcile --json"))
@state_dir
@base_url
@click.option("--as-of", metavar="TIME", help="An instant with its offset, five seconds ago or earlier.")
@click.option("--json", "as_json", is_flag=True, help="The document as it comes from orders.")
@click.pass_obj
def reconcile(
    checkout: Checkout, *, state_dir: Path | None, base_url: str | None, as_of: str | None, as_json: bool
) -> None:
    """Compare the books of orders with the money and the stock.

    The ledger of payments, the provider's own records and the stock, everything as of one instant; orders under way at
    that instant are left out. Each difference is shown.
    Ends with 0 where there is none, with 1 where there is one, and with 2 where the books cannot be compared: the
    system or a service is away, or does not let us.
    """
    import json

    from tradewind.books import compare, shown
    from tradewind.errors import TradewindError
    from tradewind.staff import StaffApi
    from tradewind.target import Target

    try:
        target = Target.find(checkout, state_dir, base_url)
        staff = StaffApi(target.api, target.staff_token)
        with _progress() as show:
            found = compare(staff, as_of, lambda orders: show(f"{orders} orders compared …"))
    except TradewindError as error:
        click.echo(f"{error}", err=True)
        sys.exit(2)
    for line in [json.dumps(found, indent=2)] if as_json else shown(found):
        click.echo(line)
    if found["differences"]:
        sys.exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show somebody who waits how far it is, in one line that is gone at the end."""

    def show(line: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)

    try:
        yield show
    finally:
        show("")


def _state(checkout: Checkout, folder: Path | None) -> "State":
    from tradewind.state import State

    return State(folder or checkout.default_state)


def main(checkout: Checkout | None = None) -> None:
    """Run the command, for another checkout than this package's where one is given.

    What a user can mend is one sentence, without a traceback.
    """
    from chassis.embedded import EmbeddedServerError
    from tradewind.errors import TradewindError

    try:
        cli(obj=checkout)
    except (EmbeddedServerError, TradewindError) as error:
        click.echo(f"{error}", err=True)
        sys.exit(1)
