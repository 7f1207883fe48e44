"""Choosing a new password without knowing the old one."""

from starlette.status import HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from auth.api.deps import EVEN_TIME, Anonymous, PartsDep
from auth.api.schemas import AcceptedOut, PasswordResetConfirmationIn, PasswordResetIn
from auth.domain.accounts import AccountSuspendedError
from auth.domain.passwords import WeakPasswordError
from auth.domain.resets import ResetTokenError
from chassis.problems import responses
from chassis.routing import Router

router = Router(prefix="/v1/password-resets", tags=["accounts"])


@router.post("", status_code=HTTP_202_ACCEPTED, dependencies=[EVEN_TIME])
async def request_password_reset(reset: PasswordResetIn, caller: Anonymous, here: PartsDep) -> AcceptedOut:
    """Send a mail with a token to the owner of an address, if it has an account; the answer does not say."""
    await here.passwords.request_reset(reset.email, caller)
    return AcceptedOut(email=reset.email)


@router.post(
    "/confirmations",
    status_code=HTTP_204_NO_CONTENT,
    responses=responses(ResetTokenError, WeakPasswordError, AccountSuspendedError),
)
async def confirm_password_reset(confirmation: PasswordResetConfirmationIn, caller: Anonymous, here: PartsDep) -> None:
    """Choose a new password with the token of the mail. Every refresh token of the account ends."""
    await here.passwords.confirm_reset(confirmation.token, confirmation.new_password, caller)
