from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from auth.domain.accounts import Account
from auth.domain.api_keys import ApiKey, new_secret
from auth.domain.callers import COMMAND, Caller
from auth.domain.clients import Client, ClientEntry, Grant
from auth.domain.derived_tokens import DerivedTokens
from auth.domain.families import FamilyLife
from auth.domain.grants import (
    ACCESS_TOKEN_TYPE,
    API_KEY_TYPE,
    ApiKeyExchange,
    ClientCredentialsGrant,
    PasswordGrant,
    RefreshGrant,
    TokenEndpoint,
    UserTokens,
)
from auth.domain.guessing import Pace, Paces
from auth.domain.oauth import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    InvalidTargetError,
    SlowDownError,
    TokenAnswer,
    TokenRequest,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from auth.domain.roles import Role, ScopeRegistry
from auth.domain.signing_in import PasswordCheck
from chassis.testing import FakeClock
from services.auth.tests.fakes import PASSWORD, FakeAccessTokens, FakeHasher, FakeUnits

pytestmark = pytest.mark.anyio

EMAIL = "ada@example.com"
CALLER = Caller(address="203.0.113.9")
CUSTOMER = {"accounts:own", "keys:own", "orders:own"}
STAFF = Caller(subject="staff")


@dataclass
class Clients:
    """One client of each kind."""

    clock: FakeClock
    made: dict[str, Client] = field(default_factory=dict)

    def get(self, name: str, *grants: Grant, **audiences: frozenset[str]) -> Client:
        entry = ClientEntry(name, frozenset(grants), audiences)
        return self.made.setdefault(name, Client(entry, now=self.clock.now()))

    @property
    def cli(self) -> Client:
        return self.get("tradewind-cli", Grant.PASSWORD, Grant.REFRESH)

    @property
    def other_cli(self) -> Client:
        return self.get("other-cli", Grant.PASSWORD, Grant.REFRESH)

    @property
    def orders(self) -> Client:
        scopes = frozenset({"payments:capture", "payments:refund"})
        return self.get("orders", Grant.CLIENT_CREDENTIALS, payments=scopes, catalog=frozenset())

    @property
    def gateway(self) -> Client:
        return self.get("gateway", Grant.TOKEN_EXCHANGE)


@pytest.fixture
def clients(clock: FakeClock) -> Clients:
    return Clients(clock)


@pytest.fixture
def tokens() -> FakeAccessTokens:
    return FakeAccessTokens()


@pytest.fixture
def endpoint(units: FakeUnits, clock: FakeClock, registry: ScopeRegistry, tokens: FakeAccessTokens) -> TokenEndpoint:
    paces = Paces(account=Pace(free=3), address=Pace(free=20))
    refresh = DerivedTokens([bytes(32)], purpose="refresh token", prefix="twr_")
    check = PasswordCheck(units, FakeHasher(), clock, paces)
    users, life = UserTokens(registry, tokens), FamilyLife()
    return TokenEndpoint(
        {
            Grant.PASSWORD: PasswordGrant(units, check, users, refresh, life, clock),
            Grant.REFRESH: RefreshGrant(units, users, refresh, life, clock),
            Grant.CLIENT_CREDENTIALS: ClientCredentialsGrant(tokens),
            Grant.TOKEN_EXCHANGE: ApiKeyExchange(units, users, clock),
        }
    )


def asking(client: Client, grant: str, *resources: str, **parameters: str) -> TokenRequest:
    return TokenRequest(client, {"grant_type": grant, **parameters}, resources, CALLER)


def login(client: Client, **parameters: str) -> TokenRequest:
    return asking(client, "password", **{"username": EMAIL, "password": PASSWORD, **parameters})


def refresh(client: Client, token: str | None, **parameters: str) -> TokenRequest:
    return asking(client, "refresh_token", refresh_token=token or "", **parameters)


async def test_unknown_grant_names_those_that_work(endpoint: TokenEndpoint, clients: Clients) -> None:
    with pytest.raises(UnsupportedGrantTypeError) as refused:
        await endpoint(asking(clients.cli, "implicit"))
    assert "client_credentials" in refused.value.description


async def test_grant_that_is_switched_off_is_unsupported(clients: Clients, tokens: FakeAccessTokens) -> None:
    endpoint = TokenEndpoint({Grant.CLIENT_CREDENTIALS: ClientCredentialsGrant(tokens)})
    assert endpoint.supported == ["client_credentials"]
    with pytest.raises(UnsupportedGrantTypeError):
        await endpoint(login(clients.cli))


async def test_missing_grant_type_is_an_invalid_request(endpoint: TokenEndpoint, clients: Clients) -> None:
    with pytest.raises(InvalidRequestError):
        await endpoint(TokenRequest(clients.cli, {}, (), CALLER))


@pytest.mark.parametrize(
    ("name", "grant"),
    [("orders", "password"), ("cli", "client_credentials"), ("gateway", "refresh_token"), ("orders", API_KEY_TYPE)],
)
async def test_client_uses_its_own_grants_only(
    endpoint: TokenEndpoint, clients: Clients, name: str, grant: str
) -> None:
    grant = Grant.TOKEN_EXCHANGE if grant == API_KEY_TYPE else grant
    with pytest.raises(UnauthorizedClientError):
        await endpoint(asking(getattr(clients, name), grant))


class TestPassword:
    async def test_gives_a_users_token(
        self, endpoint: TokenEndpoint, clients: Clients, tokens: FakeAccessTokens, ada: Account
    ) -> None:
        answer = await endpoint(login(clients.cli))
        grant = tokens.issued[answer.access_token]
        assert (grant.subject, grant.client_id, grant.audience) == (str(ada.id), "tradewind-cli", "tradewind")
        assert grant.scopes == answer.scopes == CUSTOMER
        assert grant.roles == {"customer"}
        assert answer.refresh_token is not None

    async def test_narrows_to_the_scopes_asked_for(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account
    ) -> None:
        assert (await endpoint(login(clients.cli, scope="orders:own"))).scopes == {"orders:own"}

    async def test_refuses_scopes_beyond_the_role(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account
    ) -> None:
        with pytest.raises(InvalidScopeError):
            await endpoint(login(clients.cli, scope="orders:own accounts:manage"))

    async def test_refuses_a_wrong_password_and_an_unknown_address_alike(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account
    ) -> None:
        said = set()
        for wrong in ({"password": "wrong horse battery"}, {"username": "nobody@example.com"}):
            with pytest.raises(InvalidGrantError) as refused:
                await endpoint(login(clients.cli, **wrong))
            said.add(refused.value.description)
        assert len(said) == 1

    async def test_refuses_a_suspended_account(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account, clock: FakeClock
    ) -> None:
        ada.suspend("fraud", STAFF, clock.now())
        with pytest.raises(InvalidGrantError):
            await endpoint(login(clients.cli))

    async def test_slows_guessing_down(self, endpoint: TokenEndpoint, clients: Clients, ada: Account) -> None:
        for _ in range(4):
            with pytest.raises(InvalidGrantError):
                await endpoint(login(clients.cli, password="wrong horse battery"))
        with pytest.raises(SlowDownError) as refused:
            await endpoint(login(clients.cli))
        assert refused.value.retry_after_seconds == 1

    async def test_is_for_users_apis_only(self, endpoint: TokenEndpoint, clients: Clients, ada: Account) -> None:
        parameters = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
        with pytest.raises(InvalidTargetError):
            await endpoint(TokenRequest(clients.cli, parameters, ["urn:tradewind:payments"], CALLER))
        await endpoint(TokenRequest(clients.cli, parameters, ["urn:tradewind:tradewind"], CALLER))


class TestRefresh:
    @pytest.fixture
    async def first(self, endpoint: TokenEndpoint, clients: Clients, ada: Account) -> TokenAnswer:
        return await endpoint(login(clients.cli))

    async def test_gives_another_pair(self, endpoint: TokenEndpoint, clients: Clients, first: TokenAnswer) -> None:
        second = await endpoint(refresh(clients.cli, first.refresh_token))
        assert second.access_token != first.access_token
        assert second.refresh_token not in (None, first.refresh_token)
        assert second.scopes == first.scopes

    async def test_repeated_soon_gives_the_same_successor(
        self, endpoint: TokenEndpoint, clients: Clients, first: TokenAnswer, clock: FakeClock
    ) -> None:
        second = await endpoint(refresh(clients.cli, first.refresh_token))
        clock.advance(seconds=10)
        again = await endpoint(refresh(clients.cli, first.refresh_token))
        assert again.refresh_token == second.refresh_token
        await endpoint(refresh(clients.cli, second.refresh_token))

    async def test_reused_refresh_token_ends_its_family(
        self, endpoint: TokenEndpoint, clients: Clients, first: TokenAnswer, clock: FakeClock, units: FakeUnits
    ) -> None:
        second = await endpoint(refresh(clients.cli, first.refresh_token))
        clock.advance(seconds=11)
        for token in (first.refresh_token, second.refresh_token):
            with pytest.raises(InvalidGrantError):
                await endpoint(refresh(clients.cli, token))
        assert units.uow.audit.actions == ["password-accepted", "refresh-token-reused"]
        await endpoint(login(clients.cli))

    async def test_belongs_to_its_client(self, endpoint: TokenEndpoint, clients: Clients, first: TokenAnswer) -> None:
        with pytest.raises(InvalidGrantError):
            await endpoint(refresh(clients.other_cli, first.refresh_token))
        await endpoint(refresh(clients.cli, first.refresh_token))

    async def test_forged_token_is_refused(self, endpoint: TokenEndpoint, clients: Clients) -> None:
        with pytest.raises(InvalidGrantError):
            await endpoint(refresh(clients.cli, "twr_" + "A" * 70))

    async def test_narrower_scope_is_for_this_access_token_only(
        self, endpoint: TokenEndpoint, clients: Clients, first: TokenAnswer
    ) -> None:
        second = await endpoint(refresh(clients.cli, first.refresh_token, scope="orders:own"))
        assert second.scopes == {"orders:own"}
        assert (await endpoint(refresh(clients.cli, second.refresh_token))).scopes == CUSTOMER

    async def test_wider_scope_than_the_login_is_refused_and_uses_nothing_up(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account
    ) -> None:
        narrow = await endpoint(login(clients.cli, scope="orders:own"))
        with pytest.raises(InvalidScopeError):
            await endpoint(refresh(clients.cli, narrow.refresh_token, scope="accounts:own"))
        await endpoint(refresh(clients.cli, narrow.refresh_token))

    async def test_lost_role_takes_its_scopes_along(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account, clock: FakeClock
    ) -> None:
        ada.assign_roles([Role.CUSTOMER, Role.STAFF], COMMAND, clock.now())
        first = await endpoint(login(clients.cli))
        assert "accounts:manage" in first.scopes
        ada.assign_roles([Role.CUSTOMER], COMMAND, clock.now())
        assert (await endpoint(refresh(clients.cli, first.refresh_token))).scopes == CUSTOMER

    async def test_suspended_account_gets_nothing(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account, first: TokenAnswer, clock: FakeClock
    ) -> None:
        ada.suspend("fraud", STAFF, clock.now())
        with pytest.raises(InvalidGrantError):
            await endpoint(refresh(clients.cli, first.refresh_token))


class TestClientCredentials:
    async def test_token_is_for_one_callee(
        self, endpoint: TokenEndpoint, clients: Clients, tokens: FakeAccessTokens
    ) -> None:
        answer = await endpoint(asking(clients.orders, "client_credentials", "urn:tradewind:payments"))
        grant = tokens.issued[answer.access_token]
        assert (grant.subject, grant.client_id, grant.audience) == ("orders", "orders", "payments")
        assert grant.scopes == {"payments:capture", "payments:refund"}
        assert (grant.roles, answer.refresh_token) == (frozenset(), None)

    async def test_scopes_are_bounded_by_the_registry(self, endpoint: TokenEndpoint, clients: Clients) -> None:
        request = asking(clients.orders, "client_credentials", "urn:tradewind:payments", scope="payments:capture")
        assert (await endpoint(request)).scopes == {"payments:capture"}
        request = asking(clients.orders, "client_credentials", "urn:tradewind:catalog", scope="payments:capture")
        with pytest.raises(InvalidScopeError):
            await endpoint(request)

    @pytest.mark.parametrize(
        "resources",
        [(), ("urn:tradewind:inventory",), ("payments",), ("urn:tradewind:payments", "urn:tradewind:catalog")],
        ids=["none", "not asked", "no resource of ours", "two"],
    )
    async def test_resource_is_one_that_the_client_asks(
        self, endpoint: TokenEndpoint, clients: Clients, resources: tuple[str, ...]
    ) -> None:
        with pytest.raises(InvalidTargetError):
            await endpoint(asking(clients.orders, "client_credentials", *resources))


class TestApiKeyExchange:
    @pytest.fixture
    def secret(self) -> str:
        return new_secret()

    @pytest.fixture
    def api_key(self, units: FakeUnits, ada: Account, secret: str, clock: FakeClock) -> ApiKey:
        key = ApiKey(
            account_id=ada.id,
            name="CI",
            secret=secret,
            scopes=frozenset({"orders:own", "accounts:manage"}),
            now=clock.now(),
            expires_at=clock.now() + timedelta(days=1),
        )
        units.uow.api_keys.add(key)
        return key

    def exchange(self, client: Client, secret: str, **parameters: Any) -> TokenRequest:
        chosen = {"subject_token": secret, "subject_token_type": API_KEY_TYPE, **parameters}
        return asking(client, Grant.TOKEN_EXCHANGE, **chosen)

    async def test_key_becomes_its_owners_token_with_what_both_may(
        self,
        endpoint: TokenEndpoint,
        clients: Clients,
        tokens: FakeAccessTokens,
        ada: Account,
        api_key: ApiKey,
        secret: str,
        clock: FakeClock,
    ) -> None:
        answer = await endpoint(self.exchange(clients.gateway, secret))
        grant = tokens.issued[answer.access_token]
        assert (grant.subject, grant.audience, grant.client_id) == (str(ada.id), "tradewind", "gateway")
        assert grant.scopes == {"orders:own"}
        assert grant.not_after == api_key.expires_at
        assert (answer.issued_token_type, answer.refresh_token) == (ACCESS_TOKEN_TYPE, None)
        assert api_key.last_used_at == clock.now()

    async def test_unusable_key_is_refused(
        self, endpoint: TokenEndpoint, clients: Clients, api_key: ApiKey, secret: str, clock: FakeClock
    ) -> None:
        with pytest.raises(InvalidRequestError):
            await endpoint(self.exchange(clients.gateway, new_secret()))
        await endpoint(self.exchange(clients.gateway, secret))
        api_key.revoke(clock.now())
        with pytest.raises(InvalidRequestError):
            await endpoint(self.exchange(clients.gateway, secret))

    async def test_expired_key_is_refused(
        self, endpoint: TokenEndpoint, clients: Clients, api_key: ApiKey, secret: str, clock: FakeClock
    ) -> None:
        clock.advance(days=1)
        with pytest.raises(InvalidRequestError):
            await endpoint(self.exchange(clients.gateway, secret))

    async def test_key_of_a_suspended_account_rests(
        self, endpoint: TokenEndpoint, clients: Clients, ada: Account, api_key: ApiKey, secret: str, clock: FakeClock
    ) -> None:
        ada.suspend("fraud", Caller(subject="staff"), clock.now())
        with pytest.raises(InvalidRequestError):
            await endpoint(self.exchange(clients.gateway, secret))
        ada.reinstate(Caller(subject="staff"), clock.now())
        await endpoint(self.exchange(clients.gateway, secret))

    @pytest.mark.parametrize(
        "parameters",
        [
            {"subject_token_type": ACCESS_TOKEN_TYPE},
            {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
            {"actor_token": "somebody"},
        ],
        ids=["other subject", "other token", "delegation"],
    )
    async def test_only_keys_for_access_tokens(
        self, endpoint: TokenEndpoint, clients: Clients, api_key: ApiKey, secret: str, parameters: dict[str, str]
    ) -> None:
        with pytest.raises(InvalidRequestError):
            await endpoint(self.exchange(clients.gateway, secret, **parameters))

    async def test_only_for_users_apis(
        self, endpoint: TokenEndpoint, clients: Clients, api_key: ApiKey, secret: str
    ) -> None:
        with pytest.raises(InvalidTargetError):
            await endpoint(self.exchange(clients.gateway, secret, audience="payments"))
        await endpoint(self.exchange(clients.gateway, secret, audience="tradewind"))
