from uuid import uuid4

import pytest

from auth.domain.access_tokens import AccessGrant
from auth.domain.accounts import Account
from auth.domain.callers import Caller
from auth.domain.clients import COMMAND_LINE, Client, ClientEntry
from auth.domain.derived_tokens import DerivedTokens, TokenName
from auth.domain.families import FamilyLife, RefreshFamily
from auth.domain.oauth import (
    InvalidClientError,
    InvalidGrantError,
    UnauthorizedClientError,
    UnsupportedTokenTypeError,
)
from auth.domain.token_services import ClientAuthentication, Introspection, Revocation
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeAccessTokens, FakeUnits

pytestmark = pytest.mark.anyio

CALLER = Caller(address="203.0.113.9")
SECRET = "s" * 43
REFRESH = DerivedTokens([bytes(32)], purpose="refresh token", prefix="twr_")


def client(name: str, clock: FakeClock, *secrets: str) -> Client:
    entry = ClientEntry(name, frozenset(), {})
    made = Client(entry, now=clock.now())
    made.update(entry, secrets, clock.now())
    return made


@pytest.fixture
def cli(units: FakeUnits, clock: FakeClock) -> Client:
    made = client(COMMAND_LINE, clock)
    units.uow.clients.add(made)
    return made


@pytest.fixture
def orders(units: FakeUnits, clock: FakeClock) -> Client:
    made = client("orders", clock, SECRET)
    units.uow.clients.add(made)
    return made


class TestClientAuthentication:
    async def test_service_proves_itself_by_its_secret(self, units: FakeUnits, orders: Client) -> None:
        assert await ClientAuthentication(units)("orders", SECRET) is orders

    @pytest.mark.parametrize(
        ("name", "secret"), [("orders", "t" * 43), ("orders", None), ("nobody", SECRET), (None, SECRET), (None, None)]
    )
    async def test_anything_else_is_refused(
        self, units: FakeUnits, orders: Client, name: str | None, secret: str | None
    ) -> None:
        with pytest.raises(InvalidClientError):
            await ClientAuthentication(units)(name, secret)

    async def test_public_client_shows_no_secret(self, units: FakeUnits, cli: Client) -> None:
        assert await ClientAuthentication(units)(COMMAND_LINE, None) is cli
        with pytest.raises(InvalidClientError):
            await ClientAuthentication(units)(COMMAND_LINE, "anything")

    async def test_service_without_a_secret_is_nobody(self, units: FakeUnits, clock: FakeClock) -> None:
        units.uow.clients.add(client("bare", clock))
        for secret in (None, "", "x"):
            with pytest.raises(InvalidClientError):
                await ClientAuthentication(units)("bare", secret)


class TestRevocation:
    @pytest.fixture
    def family(self, units: FakeUnits, ada: Account, clock: FakeClock) -> RefreshFamily:
        family = RefreshFamily(
            account_id=ada.id, client_id=COMMAND_LINE, scopes=frozenset(), now=clock.now(), life=FamilyLife()
        )
        units.uow.families.add(family)
        return family

    @pytest.fixture
    def revoke(self, units: FakeUnits, clock: FakeClock) -> Revocation:
        return Revocation(units, REFRESH, clock)

    async def test_ends_the_whole_family(
        self, revoke: Revocation, cli: Client, family: RefreshFamily, units: FakeUnits
    ) -> None:
        await revoke(cli, REFRESH.make(TokenName(family.id, 1)), CALLER)
        assert family.end_reason == "revoked"
        assert units.uow.audit.actions == ["refresh-token-revoked"]

    async def test_works_with_a_token_that_was_used_already(
        self, revoke: Revocation, cli: Client, family: RefreshFamily
    ) -> None:
        family.generation = 5
        await revoke(cli, REFRESH.make(TokenName(family.id, 2)), CALLER)
        assert family.end_reason == "revoked"

    async def test_refuses_the_token_of_another_client(
        self, revoke: Revocation, orders: Client, family: RefreshFamily
    ) -> None:
        with pytest.raises(InvalidGrantError):
            await revoke(orders, REFRESH.make(family.newest), CALLER)
        assert family.ended_at is None

    @pytest.mark.parametrize(
        "token", ["", "nonsense", REFRESH.make(TokenName(uuid4(), 1))], ids=["none", "nonsense", "unknown"]
    )
    async def test_takes_what_it_does_not_know_for_revoked(self, revoke: Revocation, cli: Client, token: str) -> None:
        await revoke(cli, token, CALLER)

    async def test_says_that_access_tokens_cannot_be_revoked(self, revoke: Revocation, cli: Client) -> None:
        with pytest.raises(UnsupportedTokenTypeError):
            await revoke(cli, "header.claims.signature", CALLER)


class TestIntrospection:
    @pytest.fixture
    def tokens(self) -> FakeAccessTokens:
        return FakeAccessTokens()

    @pytest.fixture
    def introspect(self, units: FakeUnits, tokens: FakeAccessTokens) -> Introspection:
        return Introspection(units, tokens)

    def users_token(self, tokens: FakeAccessTokens, subject: str) -> str:
        return tokens.issue(AccessGrant(subject, COMMAND_LINE, "tradewind", frozenset({"orders:own"}))).value

    async def test_service_learns_what_a_users_token_says(
        self, introspect: Introspection, tokens: FakeAccessTokens, orders: Client, ada: Account
    ) -> None:
        claims = await introspect(orders, self.users_token(tokens, str(ada.id)))
        assert claims == {"sub": str(ada.id), "aud": "tradewind", "scope": "orders:own"}

    async def test_service_learns_of_tokens_made_for_itself_only(
        self, introspect: Introspection, tokens: FakeAccessTokens, orders: Client
    ) -> None:
        own = tokens.issue(AccessGrant("catalog", "catalog", "orders", frozenset())).value
        other = tokens.issue(AccessGrant("catalog", "catalog", "payments", frozenset())).value
        assert await introspect(orders, own) is not None
        assert await introspect(orders, other) is None

    async def test_public_client_learns_nothing(
        self, introspect: Introspection, tokens: FakeAccessTokens, cli: Client, ada: Account
    ) -> None:
        with pytest.raises(UnauthorizedClientError):
            await introspect(cli, self.users_token(tokens, str(ada.id)))

    async def test_token_of_a_suspended_account_is_inactive_at_once(
        self, introspect: Introspection, tokens: FakeAccessTokens, orders: Client, ada: Account, clock: FakeClock
    ) -> None:
        token = self.users_token(tokens, str(ada.id))
        assert await introspect(orders, token) is not None
        ada.suspend("fraud", Caller(subject="staff"), clock.now())
        assert await introspect(orders, token) is None

    async def test_unknown_and_refresh_tokens_are_inactive(self, introspect: Introspection, orders: Client) -> None:
        assert await introspect(orders, "nonsense") is None
        assert await introspect(orders, REFRESH.make(TokenName(uuid4(), 1))) is None
