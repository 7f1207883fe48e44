"""What an operator can do on the server: ``SERVICE=auth python -m chassis keys|admin|clients|mailbox``."""

import json
import secrets
import sys
from collections.abc import Sequence

import click

from auth.domain import emails, passwords
from auth.domain.administration import AccountService
from auth.domain.mails import Mail
from auth.domain.operations import Operations
from auth.domain.signing_keys import RotationPendingError, SigningKey
from chassis.app import Service
from chassis.clock import Clock
from chassis.commands import run
from chassis.errors import ServiceError

_GENERATED_BYTES = 18


def operations(service: Service) -> Operations:
    """Return what the service lets an operator do."""
    found: Operations = service.app.state.operations
    return found


@click.group()
def keys() -> None:
    """Look at the keys that sign access tokens, and replace them."""


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def list_keys(*, as_json: bool) -> None:
    """List the signing keys, oldest first."""

    async def job(service: Service) -> list[dict[str, str | None]]:
        return [_described(key, service.clock) for key in await operations(service).keys.list()]

    found = run(job)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for each in found:
        click.echo(f"{each['kid']}  {each['state']:<9}  signs from {each['signs_from']}  retires {each['retires_at']}")


def _described(key: SigningKey, clock: Clock) -> dict[str, str | None]:
    return {
        "kid": key.kid,
        "state": str(key.state(clock.now())),
        "published_at": key.published_at.isoformat(),
        "signs_from": key.signs_from.isoformat(),
        "superseded_at": key.superseded_at.isoformat() if key.superseded_at else None,
        "retires_at": key.retires_at.isoformat() if key.retires_at else None,
    }


@keys.command("rotate")
@click.option("--now", "at_once", is_flag=True, help="For a stolen key: retire every key this instant.")
def rotate_keys(*, at_once: bool) -> None:
    """Publish the next signing key; it signs as soon as every verifier can know it, and no request is refused.

    With --now it signs at once and all others are gone: tokens that were given out before are refused, and so are new
    ones by verifiers that have not fetched the keys again (at the latest when they meet the new one).
    """

    async def job(service: Service) -> SigningKey:
        return await operations(service).keys.rotate(at_once=at_once)

    try:
        made = run(job)
    except RotationPendingError as error:
        raise click.ClickException(f"The next key is published already: {error.detail}") from error
    click.echo(f"{made.kid} signs from {made.signs_from.isoformat()}.")
    if at_once:
        click.echo(
            "Requests with tokens signed before are refused from now on; people refresh or sign in again.", err=True
        )


@click.group()
def admin() -> None:
    """Make the first admin; later ones are made by admins, over the API."""


@admin.command("create")
@click.option("--email", required=True, help="The admin's address; an account that has it becomes an admin's.")
@click.option("--name", default="Admin", show_default=True, help="For a new account.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of making one up.")
def create_admin(*, email: str, name: str, password_stdin: bool) -> None:
    """Make an account that is an admin's; a password that was made up is printed, once."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(_GENERATED_BYTES)

    async def job(service: Service) -> bool:
        here = operations(service)
        address = emails.checked(email)
        password_hash = await here.hasher.hash(passwords.acceptable(password, email=address))
        async with here.units() as uow:
            return await AccountService(uow, here.clock).appoint_admin(address, name, password_hash)

    try:
        made = run(job)
    except ServiceError as error:
        raise click.ClickException(f"{error.title}: {error.detail}") from error
    if not made:
        click.echo(f"{email} is an admin now, with the same password as before.")
        return
    click.echo(f"{email} is an admin now.")
    if not password_stdin:
        click.echo(f"Password (shown once): {password}")


@click.group()
def clients() -> None:
    """Manage the OAuth clients of the services."""


@clients.command("apply")
def apply_clients() -> None:
    """Make the clients what the registry and CLIENTS__<NAME> say; `migrate` does it as well."""

    async def job(service: Service) -> dict[str, list[str]]:
        done = await operations(service).apply_clients()
        return {
            "made": done.made,
            "changed": done.changed,
            "removed": done.removed,
            "without a secret": done.without_secret,
        }

    try:
        done = run(job)
    except ServiceError as error:
        raise click.ClickException(f"{error.title}: {error.detail}") from error
    for what, names in done.items():
        if names:
            click.echo(f"{what}: {', '.join(names)}")
    if not any(done[what] for what in ("made", "changed", "removed")):
        click.echo("Nothing to change.")


@click.command("mailbox")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: [{to, subject, body, at}].")
def mailbox(*, as_json: bool) -> None:
    """Show the mails that were not sent, oldest first (MAIL__MODE=development only)."""

    async def job(service: Service) -> Sequence[Mail]:
        read = operations(service).mails
        if read is None:
            raise click.ClickException("Mails are kept only with MAIL__MODE=development.")
        return await read()

    found = [
        {"to": each.to, "subject": each.subject, "body": each.body, "at": each.at.isoformat()} for each in run(job)
    ]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for each in found:
        click.echo(f"{each['at']}  to {each['to']}\n{each['subject']}\n\n{each['body']}\n")
    click.echo(f"{len(found)} mail(s).")


COMMANDS = [admin, clients, keys, mailbox]
