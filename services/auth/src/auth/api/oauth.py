"""The OAuth 2 endpoints: tokens, revocation, introspection, metadata and keys.

They follow their RFCs and not our conventions: form bodies, unknown parameters ignored, OAuth's own errors.
Sources: RFC 6749, 7009, 7517, 7662, 8414, 8693, 8707.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import Counter

from auth.api.deps import Anonymous, PartsDep
from auth.api.forms import MEDIA_TYPE, Form, client_credentials, read_form
from auth.api.oauth_errors import ERROR_RESPONSES, NO_STORE, OAuthRoute
from auth.api.schemas import IntrospectionOut, JwksOut, MetadataOut, TokenOut
from auth.domain.clients import Client
from auth.domain.oauth import OAuthError, TokenAnswer, TokenRequest
from chassis.routing import Router

JWKS_SECONDS = 300
"""How long verifiers may keep the JWKS: less than a key is published before it signs."""

_AUTHENTICATION = ["client_secret_basic", "client_secret_post", "none"]
_SERVICES_ONLY = ["client_secret_basic", "client_secret_post"]

_requests = Counter("tradewind_token_requests_total", "Requests to the token endpoint.", ("grant", "outcome"))

router = APIRouter(prefix="/v1/oauth", tags=["oauth"], route_class=OAuthRoute, responses=ERROR_RESPONSES)
well_known = Router(prefix="/.well-known", tags=["oauth"])

FormDep = Annotated[Form, Depends(read_form)]


async def client_of(form: FormDep, request: Request, here: PartsDep) -> Client:
    """Return the client that asks, authenticated."""
    return await here.authenticate(*client_credentials(form, request.headers.get("authorization")))


ClientDep = Annotated[Client, Depends(client_of)]


def _documented(required: list[str], fields: dict[str, str]) -> dict[str, Any]:
    """Describe a form, which FastAPI cannot know of, for the OpenAPI document."""
    described = {name: {"type": "string", "description": text} for name, text in {**fields, **_CREDENTIALS}.items()}
    schema = {"type": "object", "required": required, "properties": described, "additionalProperties": True}
    return {"requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": schema}}}}


_CREDENTIALS = {
    "client_id": "The client, unless it authenticates by HTTP Basic.",
    "client_secret": "Its secret, unless it authenticates by HTTP Basic or is a public one.",
}
_TOKEN_REQUEST = _documented(
    ["grant_type"],
    {
        "grant_type": "`password` (tradewind-cli only, where switched on), `refresh_token`, `client_credentials`, or "
        "`urn:ietf:params:oauth:grant-type:token-exchange` (for API keys).",
        "username": "An e-mail address (password).",
        "password": "A password (password).",
        "refresh_token": "The newest refresh token; it is used up (refresh_token).",
        "resource": "Whom the token is for: `urn:tradewind:<service>` (client_credentials).",
        "subject_token": "An API key (token exchange).",
        "subject_token_type": "`urn:tradewind:params:oauth:token-type:api-key` (token exchange).",
        "scope": "Some of the scopes one could get, separated by blanks; all of them where it is absent.",
    },
)
_TOKEN_FORM = _documented(["token"], {"token": "The token.", "token_type_hint": "Ignored: tokens know what they are."})


@router.post("/token", response_model_exclude_none=True, openapi_extra=_TOKEN_REQUEST)
async def token(form: FormDep, client: ClientDep, caller: Anonymous, here: PartsDep, response: Response) -> TokenOut:
    """Give a token."""
    response.headers.update(NO_STORE)
    grant = form.parameters.get("grant_type", "")
    label = grant if grant in here.token_endpoint.supported else "unsupported"
    try:
        answer = await here.token_endpoint(TokenRequest(client, form.parameters, form.resources, caller))
    except OAuthError as error:
        _requests.labels(label, error.error).inc()
        raise
    _requests.labels(label, "given").inc()
    return _token_out(answer)


def _token_out(answer: TokenAnswer) -> TokenOut:
    return TokenOut(
        access_token=answer.access_token,
        token_type="Bearer",  # noqa: S106 - the registered name
        expires_in=answer.expires_in_seconds,
        scope=" ".join(sorted(answer.scopes)),
        refresh_token=answer.refresh_token,
        issued_token_type=answer.issued_token_type,
    )


@router.post("/revoke", response_class=Response, openapi_extra=_TOKEN_FORM)
async def revoke(form: FormDep, client: ClientDep, caller: Anonymous, here: PartsDep) -> Response:
    """End a refresh token and its whole family. A token that is not known is as good as revoked."""
    await here.revocation(client, form.required("token"), caller)
    return Response(headers=NO_STORE)


@router.post(
    "/introspect", response_model=IntrospectionOut, response_model_exclude_none=True, openapi_extra=_TOKEN_FORM
)
async def introspect(form: FormDep, client: ClientDep, here: PartsDep, response: Response) -> dict[str, Any]:
    """Tell a service what an access token says, if it is good now and meant for that service or for users' requests."""
    response.headers.update(NO_STORE)
    claims = await here.introspection(client, form.required("token"))
    return {"active": False} if claims is None else {"active": True, "token_type": "Bearer", **claims}


@well_known.get("/oauth-authorization-server")
async def metadata(here: PartsDep, response: Response) -> MetadataOut:
    """Tell a client all that it needs to use the OAuth endpoints (RFC 8414)."""
    response.headers["cache-control"] = f"public, max-age={JWKS_SECONDS}"
    base = here.issuer.rstrip("/")
    return MetadataOut(
        issuer=here.issuer,
        token_endpoint=f"{base}/v1/oauth/token",
        token_endpoint_auth_methods_supported=_AUTHENTICATION,
        jwks_uri=f"{base}/.well-known/jwks.json",
        scopes_supported=sorted(here.registry.names),
        response_types_supported=[],
        grant_types_supported=here.token_endpoint.supported,
        revocation_endpoint=f"{base}/v1/oauth/revoke",
        revocation_endpoint_auth_methods_supported=_AUTHENTICATION,
        introspection_endpoint=f"{base}/v1/oauth/introspect",
        introspection_endpoint_auth_methods_supported=_SERVICES_ONLY,
    )


@well_known.get("/jwks.json")
async def jwks(here: PartsDep, response: Response) -> JwksOut:
    """Publish the keys that access tokens are, will be and were a moment ago signed with."""
    response.headers["cache-control"] = f"public, max-age={JWKS_SECONDS}"
    return JwksOut.model_validate(here.jwks())
