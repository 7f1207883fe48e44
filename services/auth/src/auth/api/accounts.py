"""Accounts: registering one, one's own, and what staff may do with every one."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from starlette.status import HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from auth.api.deps import (
    EVEN_TIME,
    Accounts,
    Admin,
    Anonymous,
    Owner,
    PartsDep,
    Registrations,
    Staff,
    Unchanged,
    account_id_of,
)
from auth.api.fields import EmailQuery
from auth.api.schemas import (
    AcceptedOut,
    AccountIn,
    AccountOut,
    PasswordChangeIn,
    RolesIn,
    SuspensionIn,
)
from auth.domain import passwords
from auth.domain.accounts import (
    Account,
    AccountNotFoundError,
    AccountNotSuspendedError,
    AccountStatus,
    AccountSuspendedError,
    AdminClosureError,
    LastRoleError,
    OutOfReachError,
)
from auth.domain.directory import AccountFilter, AccountView
from auth.domain.guessing import TooManyGuessesError
from auth.domain.password_changes import WrongPasswordError
from auth.domain.passwords import WeakPasswordError
from auth.domain.registration import Registration
from auth.domain.roles import Role
from chassis.conditional import etag
from chassis.errors import PreconditionFailedError, PreconditionRequiredError
from chassis.idempotency import Idempotent
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router

router = Router(prefix="/v1/accounts", tags=["accounts"])


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A registration whose password has been hashed: that takes longer than a transaction should."""

    email: str
    name: str
    password_hash: str
    fingerprint: bytes


async def _prepare(account: AccountIn, here: PartsDep, request: Request) -> _Prepared:
    password_hash = await here.hasher.hash(passwords.acceptable(account.password, email=account.email))
    return _Prepared(account.email, account.name, password_hash, here.fingerprint(await request.body()))


@router.post(
    "",
    status_code=HTTP_202_ACCEPTED,
    response_model=AcceptedOut,
    responses=responses(WeakPasswordError),
    dependencies=[EVEN_TIME],
)
async def register(
    prepared: Annotated[_Prepared, Depends(_prepare)], caller: Anonymous, registrations: Registrations, once: Idempotent
) -> Registration:
    """Register an account.

    The answer is the same whether or not the address has an account; the owner of one that has is told by mail.
    """

    async def make() -> Registration:
        return await registrations.register(prepared.email, prepared.name, prepared.password_hash, caller)

    async def again(_: str) -> Registration:
        return Registration(prepared.email)

    return await once(make, again=again, fingerprint=prepared.fingerprint)


@router.get("/me", response_model=AccountOut, responses=responses(AccountNotFoundError))
async def read_me(caller: Owner, here: PartsDep, response: Response) -> AccountView:
    """Return the caller's account."""
    return await _show(account_id_of(caller), here, response, closed=False)


@router.put(
    "/me/password",
    status_code=HTTP_204_NO_CONTENT,
    responses=responses(
        AccountNotFoundError, AccountSuspendedError, WrongPasswordError, WeakPasswordError, TooManyGuessesError
    ),
)
async def change_my_password(change: PasswordChangeIn, caller: Owner, here: PartsDep) -> None:
    """Replace the caller's password. Every refresh token of the account ends with the old one."""
    account_id = account_id_of(caller)
    await here.passwords.change(account_id, change.current_password, change.new_password, caller)


@router.delete("/me", status_code=HTTP_204_NO_CONTENT, responses=responses(AccountNotFoundError, AdminClosureError))
async def close_mine(caller: Owner, accounts: Accounts) -> None:
    """Close the caller's account for good: its personal data is erased here, and everywhere else by its event."""
    await accounts.close(account_id_of(caller), caller)


@router.get("", response_model=Page[AccountOut], responses=responses(MalformedCursorError))
async def list_accounts(
    _staff: Staff,
    here: PartsDep,
    paging: Paging,
    request: Request,
    response: Response,
    email: Annotated[EmailQuery | None, Query(description="A whole address.")] = None,
    status: AccountStatus | None = None,
    role: Role | None = None,
) -> Page[AccountView]:
    """List accounts, newest first."""
    rows = await here.directory.accounts(
        AccountFilter(email, status, role), after=paging.after(UUID), limit=paging.limit
    )
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.id,))
    link_next(request, response, next_cursor)
    return Page(items=list(page), next_cursor=next_cursor)


@router.get("/{account_id}", response_model=AccountOut, responses=responses(AccountNotFoundError))
async def read_account(account_id: UUID, _staff: Staff, here: PartsDep, response: Response) -> AccountView:
    """Return an account, also a closed one."""
    return await _show(account_id, here, response, closed=True)


@router.post(
    "/{account_id}/suspension", response_model=AccountOut, responses=responses(AccountNotFoundError, OutOfReachError)
)
async def suspend_account(
    account_id: UUID, suspension: SuspensionIn, caller: Staff, accounts: Accounts, response: Response
) -> Account:
    """Make an account unusable until it is reinstated. Repeating it is harmless; another reason replaces the first."""
    return _tagged(await accounts.suspend(account_id, suspension.reason, caller), response)


@router.delete(
    "/{account_id}/suspension",
    response_model=AccountOut,
    responses=responses(AccountNotFoundError, OutOfReachError, AccountNotSuspendedError),
)
async def reinstate_account(account_id: UUID, caller: Staff, accounts: Accounts, response: Response) -> Account:
    """End a suspension."""
    return _tagged(await accounts.reinstate(account_id, caller), response)


@router.put(
    "/{account_id}/roles",
    response_model=AccountOut,
    responses=responses(
        AccountNotFoundError, OutOfReachError, LastRoleError, PreconditionRequiredError, PreconditionFailedError
    ),
)
async def assign_roles(
    account_id: UUID, body: RolesIn, caller: Admin, accounts: Accounts, unchanged: Unchanged, response: Response
) -> Account:
    """Replace an account's roles. `If-Match` names the version they were read in."""
    return _tagged(await accounts.assign_roles(account_id, body.roles, caller, check=unchanged), response)


async def _show(account_id: UUID, here: PartsDep, response: Response, *, closed: bool) -> AccountView:
    found = await here.directory.account(account_id)
    if found is None or (found.status is AccountStatus.CLOSED and not closed):
        raise AccountNotFoundError(account_id=str(account_id))
    response.headers["etag"] = etag(found.version)
    return found


def _tagged(account: Account, response: Response) -> Account:
    response.headers["etag"] = etag(account.version)
    return account
