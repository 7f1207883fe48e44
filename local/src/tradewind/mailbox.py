"""The mails that the local system did not send: auth keeps them in its database in development."""

import json

import click

from tradewind.environment import AUTH
from tradewind.session import Session


def read(session: Session) -> str:
    """Return the mailbox as JSON: a list of ``{to, subject, body, at}``, oldest first.

    Raises:
        ServiceCommandError: auth could not tell.
    """
    return session.run_command(AUTH, "mailbox", "--json")


def shown(written: str) -> str:
    """Return a mailbox as text for a person."""
    mails = json.loads(written)
    if not mails:
        return "No mail.\n"
    return "\n".join(
        f"{click.style(mail['subject'], bold=True)}\nto {mail['to']} at {mail['at']}\n\n{mail['body'].rstrip()}\n"
        for mail in mails
    )
