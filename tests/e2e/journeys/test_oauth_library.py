"""A standard client library needs nothing but the issuer's address."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from httpx2 import Client

from tests.e2e.people import CLIENT_ID, Person


@pytest.fixture
def metadata(api: Client, base_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    if base_url.startswith("http:"):
        monkeypatch.setitem(os.environ, "AUTHLIB_INSECURE_TRANSPORT", "1")
    document: dict[str, Any] = api.get(get_well_known_url(base_url)).json()
    validate(AuthorizationServerMetadata(document))
    return document


def validate(metadata: AuthorizationServerMetadata) -> None:
    """Check every field, as the library does.

    One is looked at by hand: without an authorization endpoint no response type is supported, and RFC 8414 wants the
    list all the same, empty; the library takes an empty list for a missing one.
    """
    assert metadata["response_types_supported"] == []
    for name in set(metadata.REGISTRY_KEYS) - {"response_types_supported"}:
        getattr(metadata, f"validate_{name}")()


@pytest.fixture
def library(metadata: dict[str, Any]) -> Iterator[OAuth2Client]:
    with OAuth2Client(
        CLIENT_ID,
        token_endpoint_auth_method="none",
        token_endpoint=metadata["token_endpoint"],
        revocation_endpoint_auth_method="none",
    ) as client:
        yield client


def test_metadata_names_the_issuer_it_was_asked_of(metadata: dict[str, Any], base_url: str) -> None:
    assert metadata["issuer"] == base_url
    assert "refresh_token" in metadata["grant_types_supported"]


def test_keys_of_the_metadata_are_public_and_named(api: Client, metadata: dict[str, Any]) -> None:
    keys = api.get(metadata["jwks_uri"]).json()["keys"]
    assert keys
    for key in keys:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
        assert key["kid"]
        assert "d" not in key


def test_library_gets_refreshes_and_revokes_a_token(
    library: OAuth2Client, metadata: dict[str, Any], ada: Person, base_url: str
) -> None:
    token = library.fetch_token(username=ada.email, password=ada.password)
    assert library.get(f"{base_url}/v1/customers/me").json()["id"] == ada.me()["id"]

    refreshed = library.refresh_token(refresh_token=token["refresh_token"])
    assert refreshed["access_token"] != token["access_token"]
    assert library.get(f"{base_url}/v1/customers/me").status_code == 200

    revoked = library.revoke_token(
        metadata["revocation_endpoint"], token=refreshed["refresh_token"], token_type_hint="refresh_token"
    )
    assert revoked.status_code == 200
    with pytest.raises(OAuthError, match="invalid_grant"):
        library.refresh_token(refresh_token=refreshed["refresh_token"])
