"""What auth tells about accounts, and what follows from it here."""

from collections.abc import Callable
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.events import Envelope
from chassis.manifest import event_type
from customers.domain.ports import UnitOfWork
from customers.domain.services import AccountService

REGISTERED = event_type("auth", "account-registered")
CLOSED = event_type("auth", "account-closed")


class _Heard(BaseModel):
    """The fields we read; the account itself is the event's subject."""

    # A refused event is logged and kept with its error: the sentence must not repeat what is personal.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class AccountRegistered(_Heard):
    """Our reading of ``account-registered``."""

    email: str
    name: str
    registered_at: AwareDatetime


class AccountClosed(_Heard):
    """Our reading of ``account-closed``."""

    closed_at: AwareDatetime


class AccountConsumer:
    """Keeps customers in step with accounts. Handles an event as often as it comes, in any order.

    Args:
        units: Makes the unit of work of the session that the event's inbox row is written in.
    """

    def __init__(self, units: Callable[[AsyncSession], UnitOfWork]) -> None:
        self._units = units

    async def __call__(self, session: AsyncSession, envelope: Envelope, /) -> None:
        """Handle one event within the caller's transaction."""
        accounts = AccountService(self._units(session))
        account_id = UUID(envelope.subject)
        if envelope.type == CLOSED:
            closed = AccountClosed.model_validate(envelope.data)
            await accounts.close(account_id, at=closed.closed_at)
        else:
            account = AccountRegistered.model_validate(envelope.data)
            await accounts.register(account_id, email=account.email, name=account.name, at=account.registered_at)
