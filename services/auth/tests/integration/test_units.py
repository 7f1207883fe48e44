"""One contract for the repositories and their fakes: what a unit of work leaves behind, the next one finds."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from auth.domain.accounts import Account, AccountNotFoundError, AccountStatus
from auth.domain.api_keys import ApiKey, ApiKeyNotFoundError, digest, new_secret
from auth.domain.audit import entry
from auth.domain.callers import COMMAND, Caller
from auth.domain.clients import Client, ClientEntry, Grant
from auth.domain.families import FamilyLife, Redemption, RefreshFamily
from auth.domain.mails import welcome
from auth.domain.resets import PasswordReset
from auth.domain.roles import Role
from auth.domain.signing_keys import KeyMaterial, SigningKey
from auth.domain.units import Units

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(params=["fake", "sql"])
def units(request: pytest.FixtureRequest) -> Units:
    """Open units of work, one after the other, on the same memory or database."""
    found: Units = request.getfixturevalue("fake_units" if request.param == "fake" else "sql_units")
    return found


@pytest.fixture
async def ada(units: Units) -> Account:
    return await register(units, "ada@example.com")


async def register(units: Units, email: str) -> Account:
    account = Account.register(email=email, name="Ada", password_hash="hash", now=AT)
    async with units() as uow:
        uow.accounts.add(account)
    return account


class TestAccounts:
    async def test_added_account_is_found_as_it_was_left(self, units: Units, ada: Account) -> None:
        async with units() as uow:
            account = await uow.accounts.get(ada.id)
            account.assign_roles([Role.CUSTOMER, Role.STAFF], COMMAND, AT + DAY)
            account.note_repeated_registration(AT + DAY)
            account.suspend("fraud", COMMAND, AT + DAY)
        async with units() as uow:
            found = await uow.accounts.find_by_email("ada@example.com")
        assert found is not None
        assert (found.id, found.name, found.password_hash, found.version) == (ada.id, "Ada", "hash", 4)
        assert found.roles == frozenset({Role.CUSTOMER, Role.STAFF})
        assert (found.status, found.suspension_reason) == (AccountStatus.SUSPENDED, "fraud")
        assert (found.registered_at, found.updated_at, found.repeat_noticed_at) == (AT, AT + DAY, AT + DAY)

    async def test_unknown_account_is_not_found(self, units: Units) -> None:
        async with units() as uow:
            assert await uow.accounts.find(uuid4()) is None
            assert await uow.accounts.find_by_email("nobody@example.com") is None
            assert await uow.accounts.claim("nobody@example.com") is None
            with pytest.raises(AccountNotFoundError):
                await uow.accounts.get(uuid4())

    async def test_claim_finds_the_account_to_change_it(self, units: Units, ada: Account) -> None:
        async with units() as uow:
            found = await uow.accounts.claim("ada@example.com")
            assert found is not None
            found.rehash_password("stronger")
        async with units() as uow:
            assert (await uow.accounts.get(ada.id)).password_hash == "stronger"

    async def test_closed_account_is_found_by_nobody_and_its_address_is_free(self, units: Units, ada: Account) -> None:
        async with units() as uow:
            (await uow.accounts.get(ada.id)).close(AT + DAY)
        async with units() as uow:
            assert await uow.accounts.find(ada.id) is None
            assert await uow.accounts.find_by_email("ada@example.com") is None
            with pytest.raises(AccountNotFoundError):
                await uow.accounts.get(ada.id)
        again = await register(units, "ada@example.com")
        async with units() as uow:
            assert (await uow.accounts.get(again.id)).email == "ada@example.com"

    async def test_what_raises_leaves_nothing_behind(self, units: Units, ada: Account) -> None:
        async def fail() -> None:
            async with units() as uow:
                (await uow.accounts.get(ada.id)).rehash_password("lost")
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        async with units() as uow:
            assert (await uow.accounts.get(ada.id)).password_hash == "hash"


class TestFamilies:
    async def begin(self, units: Units, ada: Account, at: datetime = AT) -> RefreshFamily:
        family = RefreshFamily(
            account_id=ada.id, client_id="cli", scopes=frozenset({"b:own", "a:own"}), now=at, life=FamilyLife()
        )
        async with units() as uow:
            uow.families.add(family)
        return family

    async def test_family_is_found_as_it_was_left(self, units: Units, ada: Account) -> None:
        begun = await self.begin(units, ada)
        async with units() as uow:
            family = await uow.families.lock(begun.id)
            assert family is not None
            assert family.redeem(1, "cli", AT + DAY, FamilyLife()) is Redemption.ROTATED
        async with units() as uow:
            family = await uow.families.lock(begun.id)
        assert family is not None
        assert (family.generation, family.rotated_at, family.scopes) == (2, AT + DAY, frozenset({"a:own", "b:own"}))
        assert (family.expires_at, family.ends_at) == (AT + 15 * DAY, AT + 90 * DAY)
        assert family.redeem(1, "cli", AT + DAY, FamilyLife()) is Redemption.REPEATED

    async def test_unknown_family_is_none(self, units: Units) -> None:
        async with units() as uow:
            assert await uow.families.lock(uuid4()) is None

    async def test_every_living_family_of_one_account_ends(self, units: Units, ada: Account) -> None:
        bob = await register(units, "bob@example.com")
        mine, yours = [await self.begin(units, ada) for _ in range(2)], await self.begin(units, bob)
        async with units() as uow:
            ended = await uow.families.lock(mine[0].id)
            assert ended is not None
            ended.end("revoked", AT)
        async with units() as uow:
            assert await uow.families.end_of_account(ada.id, "account-closed", AT + DAY) == 1
        async with units() as uow:
            reasons = [await uow.families.lock(each.id) for each in (*mine, yours)]
        assert [each and each.end_reason for each in reasons] == ["revoked", "account-closed", None]

    async def test_old_families_are_forgotten(self, units: Units, ada: Account) -> None:
        expired, living = await self.begin(units, ada), await self.begin(units, ada, AT + 40 * DAY)
        async with units() as uow:
            assert await uow.families.forget_before(AT + 15 * DAY) == 1
        async with units() as uow:
            assert await uow.families.lock(expired.id) is None
            assert await uow.families.lock(living.id) is not None


class TestApiKeys:
    async def make(self, units: Units, ada: Account, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
        secret = new_secret()
        key = ApiKey(
            account_id=ada.id,
            name="CI",
            secret=secret,
            scopes=frozenset({"orders:own"}),
            now=AT,
            expires_at=expires_at,
        )
        async with units() as uow:
            uow.api_keys.add(key)
        return key, secret

    async def test_key_is_found_by_its_digest(self, units: Units, ada: Account) -> None:
        made, secret = await self.make(units, ada, AT + DAY)
        async with units() as uow:
            found = await uow.api_keys.find_by_secret_hash(digest(secret))
            assert found is not None
            assert (found.id, found.scopes, found.expires_at) == (made.id, frozenset({"orders:own"}), AT + DAY)
            found.use(AT)
            assert await uow.api_keys.find_by_secret_hash(digest(new_secret())) is None
        async with units() as uow:
            assert (await uow.api_keys.get(made.id, ada.id)).last_used_at == AT

    async def test_anothers_key_is_not_found(self, units: Units, ada: Account) -> None:
        made, _ = await self.make(units, ada)
        async with units() as uow:
            with pytest.raises(ApiKeyNotFoundError):
                await uow.api_keys.get(made.id, uuid4())

    async def test_keys_are_found_newest_first_without_the_revoked(self, units: Units, ada: Account) -> None:
        keys = [(await self.make(units, ada))[0] for _ in range(3)]
        async with units() as uow:
            (await uow.api_keys.get(keys[1].id, ada.id)).revoke(AT)
        async with units() as uow:
            found = await uow.api_keys.find_by_account(ada.id)
        assert [each.id for each in found] == sorted((keys[0].id, keys[2].id), reverse=True)

    async def test_every_key_of_one_account_is_revoked(self, units: Units, ada: Account) -> None:
        for _ in range(2):
            await self.make(units, ada)
        async with units() as uow:
            assert await uow.api_keys.revoke_of_account(ada.id, AT) == 2
            assert await uow.api_keys.find_by_account(ada.id) == []

    async def test_dead_keys_are_forgotten(self, units: Units, ada: Account) -> None:
        await self.make(units, ada, AT)
        living, _ = await self.make(units, ada)
        async with units() as uow:
            assert await uow.api_keys.forget_before(AT + DAY) == 1
        async with units() as uow:
            assert [each.id for each in await uow.api_keys.find_by_account(ada.id)] == [living.id]


class TestResets:
    async def ask(self, units: Units, account: Account | None, at: datetime = AT) -> PasswordReset:
        reset = PasswordReset(account_id=account.id if account else None, now=at)
        async with units() as uow:
            uow.resets.add(reset)
        return reset

    async def test_reset_is_found_and_used_once(self, units: Units, ada: Account) -> None:
        asked = await self.ask(units, ada)
        async with units() as uow:
            found = await uow.resets.lock(asked.id)
            assert found is not None
            assert found.use(AT) == ada.id
        async with units() as uow:
            found = await uow.resets.lock(asked.id)
            assert found is not None
            assert found.used_at == AT
            assert await uow.resets.lock(uuid4()) is None

    async def test_reset_of_nobody_is_kept_as_well(self, units: Units) -> None:
        asked = await self.ask(units, None)
        async with units() as uow:
            assert await uow.resets.lock(asked.id) is not None

    async def test_resets_are_counted_by_account_and_time(self, units: Units, ada: Account) -> None:
        for hours in (0, 1, 2):
            await self.ask(units, ada, AT + timedelta(hours=hours))
        await self.ask(units, None, AT + timedelta(hours=2))
        async with units() as uow:
            assert await uow.resets.count_since(ada.id, AT + timedelta(hours=1)) == 2

    async def test_every_reset_of_one_account_is_used_up(self, units: Units, ada: Account) -> None:
        asked = [await self.ask(units, ada) for _ in range(2)]
        async with units() as uow:
            assert await uow.resets.use_up_of_account(ada.id, AT + DAY) == 2
            assert await uow.resets.use_up_of_account(ada.id, AT + DAY) == 0
        async with units() as uow:
            found = [await uow.resets.lock(each.id) for each in asked]
        assert [each and each.used_at for each in found] == [AT + DAY] * 2

    async def test_old_resets_are_forgotten(self, units: Units, ada: Account) -> None:
        old, young = await self.ask(units, ada), await self.ask(units, None, AT + DAY)
        async with units() as uow:
            assert await uow.resets.forget_before(AT + DAY) == 1
        async with units() as uow:
            assert await uow.resets.lock(old.id) is None
            assert await uow.resets.lock(young.id) is not None


class TestTracks:
    async def test_tracks_come_in_the_order_asked_for_and_stay(self, units: Units) -> None:
        async with units() as uow:
            first, second = await uow.tracks.lock(["b", "a"])
            assert (first.subject, second.subject, first.failures) == ("b", "a", 0)
            first.failures, first.last_failed_at, first.paused_until = 3, AT, AT + DAY
        async with units() as uow:
            _, found, new = await uow.tracks.lock(["a", "b", "c"])
            assert (found.failures, found.last_failed_at, found.paused_until) == (3, AT, AT + DAY)
            assert (new.failures, new.last_failed_at, new.succeeded_at) == (0, None, None)

    async def test_tracks_are_forgotten_when_failure_and_success_are_old(self, units: Units) -> None:
        async with units() as uow:
            failed, known, recent, _bare = await uow.tracks.lock(["failed", "known", "recent", "zero"])
            failed.last_failed_at = AT
            known.last_failed_at = known.succeeded_at = AT
            recent.last_failed_at = AT + DAY
        async with units() as uow:
            assert await uow.tracks.forget_before(AT, AT - DAY) == 2
        async with units() as uow:
            found = await uow.tracks.lock(["failed", "known", "recent"])
        assert [each.last_failed_at for each in found] == [None, AT, AT + DAY]


class TestClients:
    ORDERS = ClientEntry("orders", frozenset({Grant.CLIENT_CREDENTIALS}), {"payments": frozenset({"b:do", "a:do"})})

    async def test_client_is_found_as_it_was_left(self, units: Units) -> None:
        client = Client(self.ORDERS, now=AT)
        client.update(self.ORDERS, ["s" * 43, "t" * 43], AT)
        async with units() as uow:
            uow.clients.add(client)
        async with units() as uow:
            (found,) = await uow.clients.lock_all()
            assert found.grants == self.ORDERS.grants
            assert found.audiences == self.ORDERS.audiences
            assert found.proves("s" * 43)
            assert found.proves("t" * 43)
            assert not found.update(self.ORDERS, ["s" * 43, "t" * 43], AT + DAY)
            assert found.update(ClientEntry("orders", frozenset(), {}), [], AT + DAY)
        async with units() as uow:
            again = await uow.clients.find("orders")
            assert again is not None
            assert (again.grants, again.audiences, again.updated_at) == (frozenset(), {}, AT + DAY)
            assert again.proves("s" * 43)

    async def test_removed_client_is_gone(self, units: Units) -> None:
        async with units() as uow:
            uow.clients.add(Client(self.ORDERS, now=AT))
        async with units() as uow:
            (found,) = await uow.clients.lock_all()
            await uow.clients.remove(found)
        async with units() as uow:
            assert await uow.clients.find("orders") is None


class TestSigningKeys:
    async def test_keys_are_found_as_they_were_left(self, units: Units) -> None:
        material = KeyMaterial("kid", {"kid": "kid", "kty": "EC"}, b"sealed")
        async with units() as uow:
            uow.signing_keys.add(SigningKey(material, published_at=AT, signs_from=AT))
        async with units() as uow:
            (key,) = await uow.signing_keys.lock_all()
            assert (key.public, key.sealed_private, key.signs_from) == (material.public, b"sealed", AT)
            key.supersede(AT + DAY, AT + 2 * DAY)
            key.destroy()
        async with units() as uow:
            (key,) = await uow.signing_keys.all()
            assert (key.sealed_private, key.superseded_at, key.retires_at) == (None, AT + DAY, AT + 2 * DAY)

    async def test_long_retired_keys_are_forgotten(self, units: Units) -> None:
        async with units() as uow:
            for number in range(2):
                key = SigningKey(KeyMaterial(f"key-{number}", {}, b""), published_at=AT, signs_from=AT)
                uow.signing_keys.add(key)
                if number == 0:
                    key.supersede(AT, AT)
        async with units() as uow:
            assert await uow.signing_keys.forget_before(AT + DAY) == 1
        async with units() as uow:
            assert [key.kid for key in await uow.signing_keys.all()] == ["key-1"]


class TestTrailAndMailbox:
    async def test_old_entries_and_mails_are_forgotten(self, units: Units) -> None:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        async with units() as uow:
            for at in (long_ago, AT):
                uow.audit.add(entry("tried", Caller(), at, uuid4(), client="cli"))
                uow.mails.post(welcome("ada@example.com", "Ada", at))
        async with units() as uow:
            assert await uow.audit.forget_before(AT) == 1
            assert await uow.mails.forget_before(AT) == 1
            assert await uow.audit.forget_before(AT) == 0
