"""``Idempotency-Key``: a repeated POST has one effect and the same answer.

The key's row commits with the change. An advisory transaction lock on the key tells "still running" (409 with
``Retry-After``); another body under the same key is refused (422); a replay repeats status and ``Location`` and shows
the resource as it is now, with ``Idempotency-Replayed: true``. Keys live 24 hours.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Header, Request, Response
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tables
from chassis.database import Database, DatabaseDep, SessionDep, lock_key
from chassis.errors import ConflictError, InvalidError, MalformedError
from chassis.lookups import Lookup

LIFETIME = timedelta(hours=24)

_key_row = tables.idempotency_keys
_glance = Lookup(select(_key_row.c.key).where(*(column == bindparam(column.name) for column in _key_row.primary_key)))


class IdempotencyInProgressError(ConflictError):
    """The first request with this key is still running; ask again."""

    code = "idempotency-in-progress"
    title = "A request with this key is still running"


class IdempotencyKeyReusedError(InvalidError):
    """The key was used before, for something else."""

    code = "idempotency-key-reused"
    title = "The idempotency key was used for another request"


class IdempotencyKeyRequiredError(MalformedError):
    """This route moves money, stock or an order, so it has to be repeatable."""

    code = "idempotency-key-required"
    title = "An idempotency key is required"


def identity_of(request: Request, key: str | None) -> dict[str, str]:
    """Return what a key's row is found by: whose it is, and for what."""
    return {
        "principal": request.scope.get("principal", "anonymous"),
        "method": request.method,
        "path": request.url.path,
        "key": key or "",
    }


class Identified(Protocol):
    """Anything with an ``id``."""

    @property
    def id(self) -> Any:
        """What it is found again by."""
        ...


Made = TypeVar("Made", bound=Identified)


class Once:
    """What a route calls instead of making the resource itself.

    ::

        async def create_address(body: AddressIn, once: Idempotent, ...) -> Address:
            return await once(lambda: addresses.add(body), again=addresses.get, location="/v1/.../{id}")
    """

    def __init__(self, request: Request, response: Response, session: AsyncSession, key: str | None) -> None:
        self._request = request
        self._response = response
        self._session = session
        self._key = key

    async def __call__(
        self,
        make: Callable[[], Awaitable[Made]],
        *,
        again: Callable[[str], Awaitable[Made]],
        location: str | None = None,
        fingerprint: bytes | None = None,
    ) -> Made:
        """Make the resource, or show the one that the first request with this key made.

        Args:
            make: Makes it, in the request's unit of work.
            again: Finds it by the ``str`` of its id, as it is now.
            location: Its path, with ``{id}`` in it; answered as ``Location``.
            fingerprint: What is stored to know the request's body again, instead of its SHA-256: for a body that holds
                a password, of which a fast hash must not be kept.

        Raises:
            IdempotencyInProgressError: The first request has not ended.
            IdempotencyKeyReusedError: The key came with another body.
        """
        if self._key is None:
            made = await make()
            self._point_to(location, str(made.id))
            return made
        digest = fingerprint or hashlib.sha256(await self._request.body()).digest()
        await self._lock()
        if stored := await self._stored():
            if stored.body_hash != digest:
                raise IdempotencyKeyReusedError("Its first request had another body. Use a new key.")
            self._response.status_code = stored.status
            self._response.headers.update({**stored.headers, "idempotency-replayed": "true"})
            return await again(stored.resource)
        made = await make()
        self._point_to(location, str(made.id))
        await self._store(digest, str(made.id))
        return made

    def _point_to(self, location: str | None, resource: str) -> None:
        if location is not None:
            self._response.headers["location"] = location.format(id=resource)

    def _identity(self) -> dict[str, str]:
        return identity_of(self._request, self._key)

    async def _lock(self) -> None:
        name = "\n".join(("idempotency", *self._identity().values()))
        if not await self._session.scalar(select(func.pg_try_advisory_xact_lock(lock_key(name)))):
            raise IdempotencyInProgressError(retry_after_seconds=1)

    async def _stored(self) -> Any:
        row = tables.idempotency_keys
        found = await self._session.execute(
            select(row.c.body_hash, row.c.status, row.c.headers, row.c.resource)
            .filter_by(**self._identity())
            .where(row.c.created_at > func.now() - LIFETIME)
        )
        return found.one_or_none()

    async def _store(self, digest: bytes, resource: str) -> None:
        location = self._response.headers.get("location")
        kept = {
            "body_hash": digest,
            "status": self._response.status_code or self._request.scope["route"].status_code or 200,
            "headers": {"location": location} if location else {},
            "resource": resource,
            "created_at": func.now(),
        }
        await self._session.execute(
            insert(tables.idempotency_keys)
            .values(**self._identity(), **kept)
            .on_conflict_do_update(constraint=tables.idempotency_keys.primary_key, set_=kept)
        )


class _FirstTimeError(Exception):
    """Nobody has sent this key before."""


async def _first_time() -> Any:
    raise _FirstTimeError


Prepared = TypeVar("Prepared")


class OnceAround:
    """For a route that asks peers before its unit of work: a repeated request is answered without asking them again.

    ::

        async def place_order(body: OrderIn, once: IdempotentAround, ...) -> Order:
            return await once(lambda: till.propose(body), place, again=orders.get, location="/v1/orders/{id}")

    Two that run at once with one key both ask the peers; one of them makes the resource, and both show it.
    """

    def __init__(self, request: Request, response: Response, database: Database, key: str) -> None:
        self._request = request
        self._response = response
        self._database = database
        self._key = key

    async def __call__(
        self,
        prepare: Callable[[], Awaitable[Prepared]],
        make: Callable[[AsyncSession, Prepared], Awaitable[Made]],
        *,
        again: Callable[[str], Awaitable[Made]],
        location: str | None = None,
    ) -> Made:
        """Prepare outside of any unit of work, then make the resource within one; see ``Once``."""
        # Most keys are new, which a glance tells: without a lock, since whoever is faster is found in the end anyway.
        with suppress(_FirstTimeError):
            if await _glance.row(self._database, **identity_of(self._request, self._key)):
                async with self._database.transaction() as session:
                    return await self._once(session)(_first_time, again=again, location=location)
        prepared = await prepare()
        async with self._database.transaction() as session:
            return await self._once(session)(lambda: make(session, prepared), again=again, location=location)

    def _once(self, session: AsyncSession) -> Once:
        return Once(self._request, self._response, session, self._key)


_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes the request safe to repeat for 24 hours: the same key and body have one effect.",
    ),
]


async def once_per_key(request: Request, response: Response, session: SessionDep, key: _Key = None) -> Once:
    """Offer idempotency: a request without a key is simply made."""
    return Once(request, response, session, key)


async def once_per_required_key(request: Request, response: Response, session: SessionDep, key: _Key = None) -> Once:
    """Insist on a key, for what moves money or stock, or makes an order."""
    return Once(request, response, session, _given(key))


async def once_around(request: Request, response: Response, database: DatabaseDep, key: _Key = None) -> OnceAround:
    """Insist on a key, and leave it to the route when its unit of work begins."""
    return OnceAround(request, response, database, _given(key))


def _given(key: str | None) -> str:
    if key is None:
        raise IdempotencyKeyRequiredError("Send Idempotency-Key, a new one per thing you want to happen.")
    return key


Idempotent = Annotated[Once, Depends(once_per_key)]
IdempotentAlways = Annotated[Once, Depends(once_per_required_key)]
IdempotentAround = Annotated[OnceAround, Depends(once_around)]
