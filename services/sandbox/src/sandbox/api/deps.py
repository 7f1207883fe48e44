"""What the routes are given, and who may use them."""

import hmac
from typing import Annotated

from fastapi import Depends, Request

from chassis.errors import UnauthenticatedError
from chassis.security import bearer_token
from sandbox.domain.providing import Provider


class ProviderKeyRefusedError(UnauthenticatedError):
    """The key is not the one that this merchant was given."""

    code = "provider-key-refused"
    title = "The provider does not know this key"


async def merchant(request: Request) -> None:
    """Let in whoever shows the key that merchant and provider share."""
    key: str = request.app.state.api_key
    shown = bearer_token(request.headers.get("authorization"))
    if not hmac.compare_digest(shown.encode("latin-1", "replace"), key.encode()):
        raise ProviderKeyRefusedError


async def provider(request: Request) -> Provider:
    """Return the provider."""
    found: Provider = request.app.state.provider
    return found


Merchant = Depends(merchant)
ProviderDep = Annotated[Provider, Depends(provider)]
