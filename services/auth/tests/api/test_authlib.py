"""A standard OAuth client, over a real port, that knows nothing of us but the issuer's address."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import KeySet

from auth.main import build
from auth.settings import Settings
from chassis.manifest import service_dir
from chassis.settings import DatabaseSettings, TokenSettings
from chassis.testing import Databases, eventually
from services.auth.tests.api.conftest import CUSTOMERS_SECRET
from services.auth.tests.api.people import PASSWORD

pytestmark = pytest.mark.anyio

EMAIL = "authlib@example.com"


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[DatabaseSettings]:
    """A database of its own: this service lives in the present, where keys of the other one do not sign yet."""
    database = databases.create_migrated("auth", service_dir("auth"))
    yield database
    databases.drop(database)


@pytest.fixture
async def issuer(settings: Settings, database: DatabaseSettings) -> AsyncIterator[str]:
    """Serve auth on a free port; return its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        tokens = TokenSettings(issuer=address, jwks_url=f"{address}/.well-known/jwks.json")
        service = build(settings.model_copy(update={"tokens": tokens, "database": database}))
        service.prepare_at_start = True
        server = uvicorn.Server(uvicorn.Config(service.asgi, lifespan="off", log_config=None))
        async with service.app.router.lifespan_context(service.app):
            task = asyncio.create_task(server.serve(sockets=[listener]))
            await eventually(lambda: server.started)
            yield address
            server.should_exit = True
            await task


@pytest.fixture
async def metadata(issuer: str) -> dict[str, Any]:
    """What the client finds out by itself (RFC 8414)."""
    async with AsyncClient() as browser:
        answer: Response = await browser.get(f"{issuer}/.well-known/oauth-authorization-server")
        body = {"email": EMAIL, "password": PASSWORD, "name": "Authlib"}
        assert (await browser.post(f"{issuer}/v1/accounts", json=body)).status_code == 202
    found: dict[str, Any] = answer.json()
    assert found["issuer"] == issuer
    return found


def public(metadata: dict[str, Any], **options: Any) -> AsyncOAuth2Client:
    return AsyncOAuth2Client("tradewind-cli", token_endpoint_auth_method="none", **metadata, **options)


async def test_person_gets_refreshes_and_revokes_a_token(metadata: dict[str, Any]) -> None:
    async with public(metadata) as client:
        first = dict(await client.fetch_token(username=EMAIL, password=PASSWORD, scope="accounts:own"))
        assert first["scope"] == "accounts:own"
        me = await client.get(f"{metadata['issuer']}/v1/accounts/me")
        assert me.json()["email"] == EMAIL
        second = dict(await client.refresh_token())
        assert second["refresh_token"] != first["refresh_token"]
        assert (await client.get(f"{metadata['issuer']}/v1/accounts/me")).status_code == 200
        revoked = await client.revoke_token(
            metadata["revocation_endpoint"], second["refresh_token"], token_type_hint="refresh_token"
        )
        assert revoked.status_code == 200
        with pytest.raises(OAuthError) as refused:
            await client.refresh_token()
        assert refused.value.error == "invalid_grant"


async def test_expired_token_is_refreshed_by_itself(metadata: dict[str, Any]) -> None:
    async with public(metadata) as client:
        token = dict(await client.fetch_token(username=EMAIL, password=PASSWORD))
        client.token = {**token, "expires_at": 1}
        assert (await client.get(f"{metadata['issuer']}/v1/accounts/me")).status_code == 200
        assert client.token["refresh_token"] != token["refresh_token"]


async def test_token_is_verified_with_the_published_keys(metadata: dict[str, Any]) -> None:
    async with public(metadata) as client:
        token = await client.fetch_token(username=EMAIL, password=PASSWORD)
    async with AsyncClient() as browser:
        jwks = (await browser.get(metadata["jwks_uri"])).json()
    decoded = jwt.decode(token["access_token"], KeySet.import_key_set(jwks), algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt"
    assert decoded.claims["iss"] == metadata["issuer"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_service_gets_a_token_and_introspects_with_it(metadata: dict[str, Any], method: str) -> None:
    assert method in metadata["token_endpoint_auth_methods_supported"]
    async with AsyncOAuth2Client(
        "customers", CUSTOMERS_SECRET, token_endpoint_auth_method=method, **metadata
    ) as client:
        token = await client.fetch_token(grant_type="client_credentials", resource="urn:tradewind:auth")
        assert "refresh_token" not in token
        async with public(metadata) as person:
            signed_in = await person.fetch_token(username=EMAIL, password=PASSWORD)
        answer = await client.introspect_token(metadata["introspection_endpoint"], signed_in["access_token"])
        assert answer.json()["active"]


async def test_wrong_secret_is_named_by_the_library(metadata: dict[str, Any]) -> None:
    async with AsyncOAuth2Client("customers", "x" * 43, **metadata) as client:
        with pytest.raises(OAuthError) as refused:
            await client.fetch_token(grant_type="client_credentials", resource="urn:tradewind:auth")
        assert refused.value.error == "invalid_client"
