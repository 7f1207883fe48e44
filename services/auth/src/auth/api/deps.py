"""What the routes are given: who asks, from where, and what they can do."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Request

from auth.domain.accounts import AccountNotFoundError
from auth.domain.administration import AccountService
from auth.domain.api_key_service import ApiKeyService
from auth.domain.callers import Caller
from auth.domain.directory import Directory
from auth.domain.grants import TokenEndpoint
from auth.domain.password_changes import PasswordService
from auth.domain.passwords import PasswordHasher
from auth.domain.registration import RegistrationService
from auth.domain.roles import Role, ScopeRegistry
from auth.domain.token_services import ClientAuthentication, Introspection, Revocation
from auth.domain.units import UnitOfWork
from chassis.addresses import TrustedProxies, parsed
from chassis.clock import Clock
from chassis.conditional import IfMatch, check_match
from chassis.database import SessionDep
from chassis.security import Principal, requires

TICK_SECONDS = 0.05


class SessionUnits(Protocol):
    """Units of work, on a session that is open already or on a new one."""

    def within(self, session: Any) -> UnitOfWork:
        """Return the unit of work of ``session``."""
        ...

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open one of its own."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the routes of this service use; ``main`` puts it together.

    ``jwks`` returns the public keys as they are published now; ``fingerprint`` knows a secret body again.
    """

    issuer: str
    clock: Clock
    units: SessionUnits
    directory: Directory
    registry: ScopeRegistry
    hasher: PasswordHasher
    passwords: PasswordService
    authenticate: ClientAuthentication
    token_endpoint: TokenEndpoint
    revocation: Revocation
    introspection: Introspection
    jwks: Callable[[], dict[str, Any]]
    fingerprint: Callable[[bytes], bytes]
    proxies: TrustedProxies


async def parts(request: Request) -> Parts:
    """Return what this service is made of."""
    found: Parts = request.app.state.auth
    return found


PartsDep = Annotated[Parts, Depends(parts)]


async def address(request: Request, here: PartsDep) -> str:
    """Return the address that the request came from, as the gateway saw it if it is trusted; empty if it is none."""
    peer = request.client.host if request.client else ""
    found = parsed(here.proxies.client(peer, ",".join(request.headers.getlist("x-forwarded-for"))))
    return str(found or "")


Address = Annotated[str, Depends(address)]


async def anonymous(origin: Address) -> Caller:
    """Return somebody about whom only the address is known."""
    return Caller(address=origin)


Anonymous = Annotated[Caller, Depends(anonymous)]


def _caller(principal: Principal, origin: str) -> Caller:
    known = frozenset(Role(role) for role in principal.roles if role in set(Role))
    return Caller(principal.subject, origin, known, principal.scopes)


async def owner(principal: Annotated[Principal, requires("accounts:own")], origin: Address) -> Caller:
    """Return the owner of an account, who may do what owners may."""
    return _caller(principal, origin)


async def key_owner(principal: Annotated[Principal, requires("keys:own")], origin: Address) -> Caller:
    """Return somebody who may manage their own API keys."""
    return _caller(principal, origin)


async def staff(principal: Annotated[Principal, requires("accounts:manage")], origin: Address) -> Caller:
    """Return somebody who may manage accounts."""
    return _caller(principal, origin)


async def admin(
    principal: Annotated[Principal, requires("accounts:manage", "roles:manage")], origin: Address
) -> Caller:
    """Return somebody who may give and take roles."""
    return _caller(principal, origin)


Owner = Annotated[Caller, Depends(owner)]
KeyOwner = Annotated[Caller, Depends(key_owner)]
Staff = Annotated[Caller, Depends(staff)]
Admin = Annotated[Caller, Depends(admin)]


def account_id_of(caller: Caller) -> UUID:
    """Return the id of the caller's account.

    Raises:
        AccountNotFoundError: The caller is a service, and has none.
    """
    try:
        return UUID(caller.subject)
    except ValueError:
        raise AccountNotFoundError("Only people have accounts.") from None


async def registration_service(here: PartsDep, session: SessionDep) -> RegistrationService:
    """Make the service within the request's unit of work."""
    return RegistrationService(here.units.within(session), here.clock)


async def account_service(here: PartsDep, session: SessionDep) -> AccountService:
    """Make the service within the request's unit of work."""
    return AccountService(here.units.within(session), here.clock)


async def api_key_service(here: PartsDep, session: SessionDep) -> ApiKeyService:
    """Make the service within the request's unit of work."""
    return ApiKeyService(here.units.within(session), here.clock, here.registry)


Registrations = Annotated[RegistrationService, Depends(registration_service)]
Accounts = Annotated[AccountService, Depends(account_service)]
ApiKeys = Annotated[ApiKeyService, Depends(api_key_service)]


async def precondition(if_match: IfMatch = None) -> Callable[[int], None]:
    """Return the check that an edit is of the version that ``If-Match`` names."""
    return partial(check_match, if_match)


Unchanged = Annotated[Callable[[int], None], Depends(precondition)]


async def even_time() -> AsyncIterator[None]:
    """Let the answer leave at the next tick of 50 ms since the request came, whatever was found.

    The same statements run for known and unknown addresses, but for one more insert; the tick swallows that.
    """
    began = _now()
    try:
        yield
    finally:
        spent = _now() - began
        await _wait(math.ceil(spent / TICK_SECONDS) * TICK_SECONDS - spent)


def _now() -> float:
    return time.monotonic()


async def _wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


EVEN_TIME = Depends(even_time, scope="function")
"""First among a route's dependencies, so that it ends last: after the commit."""
