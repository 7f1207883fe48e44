"""What only the real database can show: locks, triggers, the outbox, rows."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import IntegrityError

from auth.data.directory import SqlDirectory
from auth.data.mails import MailReader
from auth.data.tables import audit_entries
from auth.data.units import SqlUnits
from auth.domain.accounts import Account, AccountStatus
from auth.domain.api_keys import ApiKey, new_secret
from auth.domain.audit import entry
from auth.domain.callers import COMMAND, Caller
from auth.domain.directory import AccountFilter, AuditFilter
from auth.domain.families import FamilyLife, Redemption, RefreshFamily
from auth.domain.guessing import Guard, Pace, Paces, TooManyGuessesError
from auth.domain.mails import welcome
from auth.domain.registration import RegistrationService
from auth.domain.retention import Retention
from auth.domain.roles import Role
from chassis import context, tables
from chassis.clock import SystemClock
from chassis.database import Database
from chassis.testing import FakeClock

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


async def register(units: SqlUnits, email: str, *roles: Role) -> Account:
    account = Account.register(email=email, name="Ada", password_hash="hash", now=AT, roles=roles or (Role.CUSTOMER,))
    async with units() as uow:
        uow.accounts.add(account)
    return account


async def test_address_registered_many_times_at_once_makes_one_account(sql_units: SqlUnits, database: Database) -> None:
    async def one() -> None:
        async with sql_units() as uow:
            await RegistrationService(uow, SystemClock()).register("ada@example.com", "Ada", "hash", Caller())

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(one)
    async with database.read() as connection:
        told = list(await connection.scalars(select(tables.outbox.c.type).order_by(tables.outbox.c.position)))
        entries = list(await connection.scalars(select(audit_entries.c.action)))
    assert told == ["tradewind.auth.account-registered.v1", "tradewind.auth.account-registration-repeated.v1"]
    assert sorted(entries) == ["account-registered", *["registration-repeated"] * 7]


async def test_event_is_in_the_transaction_of_its_change(sql_units: SqlUnits, database: Database) -> None:
    account = await register(sql_units, "ada@example.com")
    async with sql_units() as uow:
        (await uow.accounts.get(account.id)).change_password("other", AT)
    async with database.read() as connection:
        rows = (await connection.execute(select(tables.outbox).order_by(tables.outbox.c.position))).all()
    assert [(row.type.split(".")[2], row.subject, row.sequence) for row in rows] == [
        ("account-registered", str(account.id), 1),
        ("password-changed", str(account.id), 2),
    ]
    assert rows[0].data["name"] == "Ada"


class Together:
    """Lets the transactions of several tasks begin before any of them goes on."""

    def __init__(self, parties: int) -> None:
        self._missing = parties
        self._all_here = anyio.Event()

    async def wait(self) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._all_here.set()
        await self._all_here.wait()


async def test_refresh_token_redeemed_many_times_at_once_rotates_once(sql_units: SqlUnits) -> None:
    account = await register(sql_units, "ada@example.com")
    family = RefreshFamily(account_id=account.id, client_id="cli", scopes=frozenset(), now=AT, life=FamilyLife())
    async with sql_units() as uow:
        uow.families.add(family)
    outcomes: list[Redemption] = []
    together = Together(4)

    async def one() -> None:
        async with sql_units() as uow:
            await together.wait()
            found = await uow.families.lock(family.id)
            assert found is not None
            outcomes.append(found.redeem(1, "cli", AT, FamilyLife()))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(one)
    assert sorted(outcomes) == [Redemption.REPEATED] * 3 + [Redemption.ROTATED]


@pytest.mark.parametrize("way", ["get", "claim"])
async def test_account_changed_many_times_at_once_counts_every_change(sql_units: SqlUnits, way: str) -> None:
    account = await register(sql_units, "ada@example.com")
    together = Together(4)

    async def one() -> None:
        async with sql_units() as uow:
            await together.wait()
            found = await (uow.accounts.get(account.id) if way == "get" else uow.accounts.claim("ada@example.com"))
            assert found is not None
            found.change_password("other", AT)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(one)
    async with sql_units() as uow:
        assert (await uow.accounts.get(account.id)).version == 5


async def test_guesses_sent_at_once_are_all_counted(sql_units: SqlUnits, clock: FakeClock) -> None:
    outcomes: list[str] = []

    async def one(number: int) -> None:
        async with sql_units() as uow:
            guard = Guard(uow.tracks, clock, Paces(account=Pace(free=3), address=Pace(free=100)))
            try:
                await guard.charge("ada@example.com", f"198.51.100.{number}")
            except TooManyGuessesError:
                outcomes.append("refused")
            else:
                outcomes.append("let through")

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(one, number)
    assert (outcomes.count("let through"), outcomes.count("refused")) == (4, 8)


class TestAuditTrail:
    async def test_entry_cannot_be_changed(self, sql_units: SqlUnits, database: Database) -> None:
        async with sql_units() as uow:
            uow.audit.add(entry("tried", Caller(), AT))
        with pytest.raises(IntegrityError, match="appended"):
            async with database.transaction() as session:
                await session.execute(update(audit_entries).values(actor="nobody"))

    async def test_young_entry_cannot_be_deleted(self, sql_units: SqlUnits, database: Database) -> None:
        now = datetime.now(UTC)
        async with sql_units() as uow:
            uow.audit.add(entry("young", Caller(), now - 399 * DAY))
            uow.audit.add(entry("old", Caller(), now - 401 * DAY))
        with pytest.raises(IntegrityError, match="400 days"):
            async with database.transaction() as session:
                await session.execute(delete(audit_entries))
        async with sql_units() as uow:
            assert (await Retention(uow, SystemClock()).keep())["audit_entries"] == 1

    async def test_entry_names_the_trace_it_was_made_in(self, sql_units: SqlUnits, database: Database) -> None:
        with context.working(context.WorkContext()) as work:
            async with sql_units() as uow:
                uow.audit.add(entry("tried", Caller(), AT))
        (found,) = await SqlDirectory(database).audit_entries(AuditFilter(), after=None, limit=10)
        assert found.trace_id == work.trace_id


class TestDirectory:
    async def test_accounts_are_listed_newest_first_by_pages(self, sql_units: SqlUnits, database: Database) -> None:
        made = [await register(sql_units, f"{number}@example.com") for number in range(5)]
        expected = sorted((each.id for each in made), reverse=True)
        directory = SqlDirectory(database)
        first = await directory.accounts(AccountFilter(), after=None, limit=2)
        assert [each.id for each in first] == expected[:3]
        rest = await directory.accounts(AccountFilter(), after=(first[1].id,), limit=10)
        assert [each.id for each in rest] == expected[2:]

    async def test_accounts_are_found_by_address_status_and_role(self, sql_units: SqlUnits, database: Database) -> None:
        ada = await register(sql_units, "ada@example.com")
        bob = await register(sql_units, "bob@example.com", Role.CUSTOMER, Role.STAFF)
        async with sql_units() as uow:
            (await uow.accounts.get(ada.id)).suspend("fraud", COMMAND, AT)
        directory = SqlDirectory(database)
        for criteria, found in (
            (AccountFilter(email="ada@example.com"), [ada.id]),
            (AccountFilter(status=AccountStatus.SUSPENDED), [ada.id]),
            (AccountFilter(role=Role.STAFF), [bob.id]),
            (AccountFilter(role=Role.CUSTOMER, status=AccountStatus.ACTIVE), [bob.id]),
            (AccountFilter(role=Role.ADMIN), []),
        ):
            assert [each.id for each in await directory.accounts(criteria, after=None, limit=10)] == found

    async def test_keys_are_shown_to_their_owner_until_they_are_revoked(
        self, sql_units: SqlUnits, database: Database
    ) -> None:
        ada = await register(sql_units, "ada@example.com")
        key = ApiKey(
            account_id=ada.id, name="CI", secret=new_secret(), scopes=frozenset({"a:own"}), now=AT, expires_at=None
        )
        async with sql_units() as uow:
            uow.api_keys.add(key)
        directory = SqlDirectory(database)
        shown = await directory.api_key(ada.id, key.id)
        assert shown is not None
        assert (shown.prefix, shown.scopes) == (key.prefix, frozenset({"a:own"}))
        assert await directory.api_key((await register(sql_units, "bob@example.com")).id, key.id) is None
        async with sql_units() as uow:
            (await uow.api_keys.get(key.id, ada.id)).revoke(AT)
        assert await directory.api_key(ada.id, key.id) is None
        assert await directory.api_keys(ada.id, after=None, limit=10) == []

    async def test_trail_is_found_by_whom_what_and_when(self, sql_units: SqlUnits, database: Database) -> None:
        ada = await register(sql_units, "ada@example.com")
        async with sql_units() as uow:
            uow.audit.add(entry("first", Caller(subject="ada"), AT, ada.id))
            uow.audit.add(entry("second", Caller(subject="bob"), AT + DAY))
        directory = SqlDirectory(database)
        for criteria, found in (
            (AuditFilter(account_id=ada.id), ["first"]),
            (AuditFilter(actor="bob"), ["second"]),
            (AuditFilter(action="first"), ["first"]),
            (AuditFilter(since=AT + DAY), ["second"]),
            (AuditFilter(until=AT + DAY), ["first"]),
            (AuditFilter(), ["second", "first"]),
        ):
            entries = await directory.audit_entries(criteria, after=None, limit=10)
            assert sorted(each.action for each in entries) == sorted(found)


class TestMailbox:
    async def test_development_mails_can_be_read(self, sql_units: SqlUnits, database: Database) -> None:
        async with sql_units() as uow:
            uow.mails.post(welcome("ada@example.com", "Ada", AT))
        (mail,) = await MailReader(database)()
        assert (mail.to, mail.at) == ("ada@example.com", AT)

    async def test_elsewhere_no_mail_is_kept(self, database: Database) -> None:
        units = SqlUnits(database, development_mails=False)
        async with units() as uow:
            uow.mails.post(welcome("ada@example.com", "Ada", AT))
            assert await uow.mails.forget_before(AT + DAY) == 0
        assert await MailReader(database)() == []


async def test_retention_names_every_table_that_grows(sql_units: SqlUnits, database: Database) -> None:
    async with sql_units() as uow:
        kept = await Retention(uow, SystemClock()).keep()
    async with database.read() as connection:
        found = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        grows = set(found) - set(tables.chassis_metadata.tables) - {"alembic_version", "accounts", "clients"}
    assert {"guess_tracks" if name == "tracks" else name for name in kept} == grows
