"""One's own API keys."""

from uuid import UUID

from fastapi import Request, Response
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from auth.api.deps import ApiKeys, KeyOwner, PartsDep, account_id_of
from auth.api.schemas import ApiKeyIn, ApiKeyMadeOut, ApiKeyOut
from auth.domain.accounts import AccountNotFoundError, AccountSuspendedError
from auth.domain.api_key_service import KeyWithSecret
from auth.domain.api_keys import (
    ApiKeyNotFoundError,
    ExpiryPassedError,
    ScopeNotGrantableError,
    TooManyApiKeysError,
)
from auth.domain.directory import ApiKeyView
from chassis.idempotency import Idempotent
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router

router = Router(prefix="/v1/api-keys", tags=["api keys"])


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    responses=responses(
        AccountNotFoundError,
        AccountSuspendedError,
        TooManyApiKeysError,
        ScopeNotGrantableError,
        ExpiryPassedError,
        ApiKeyNotFoundError,
    ),
)
async def make_api_key(body: ApiKeyIn, caller: KeyOwner, api_keys: ApiKeys, once: Idempotent) -> ApiKeyMadeOut:
    """Make an API key.

    Its secret is in this answer and nowhere else. The replay of an idempotent request shows the key as it is now, with
    `secret: null`: a client that lost the answer revokes the key and makes another.
    """
    account_id = account_id_of(caller)

    async def make() -> KeyWithSecret:
        return await api_keys.make(account_id, body.name, body.scopes, body.expires_at, caller)

    async def again(api_key_id: str) -> KeyWithSecret:
        return await api_keys.show(account_id, UUID(api_key_id))

    made = await once(make, again=again, location="/v1/api-keys/{id}")
    return ApiKeyMadeOut(**ApiKeyOut.model_validate(made.key).model_dump(), secret=made.secret)


@router.get("", response_model=Page[ApiKeyOut], responses=responses(AccountNotFoundError, MalformedCursorError))
async def list_api_keys(
    caller: KeyOwner, here: PartsDep, paging: Paging, request: Request, response: Response
) -> Page[ApiKeyView]:
    """List the caller's keys, newest first, without those that were revoked."""
    rows = await here.directory.api_keys(account_id_of(caller), after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.id,))
    link_next(request, response, next_cursor)
    return Page(items=list(page), next_cursor=next_cursor)


@router.get("/{api_key_id}", response_model=ApiKeyOut, responses=responses(AccountNotFoundError, ApiKeyNotFoundError))
async def read_api_key(api_key_id: UUID, caller: KeyOwner, here: PartsDep) -> ApiKeyView:
    """Return one of the caller's keys."""
    found = await here.directory.api_key(account_id_of(caller), api_key_id)
    if found is None:
        raise ApiKeyNotFoundError(api_key_id=str(api_key_id))
    return found


@router.delete(
    "/{api_key_id}",
    status_code=HTTP_204_NO_CONTENT,
    responses=responses(AccountNotFoundError, ApiKeyNotFoundError),
)
async def revoke_api_key(api_key_id: UUID, caller: KeyOwner, api_keys: ApiKeys) -> None:
    """Revoke a key. Tokens it was exchanged for end within ten minutes."""
    await api_keys.revoke(account_id_of(caller), api_key_id, caller)
