import pytest

from auth.domain.callers import COMMAND
from auth.domain.client_registration import ClientRegistration
from auth.domain.clients import COMMAND_LINE, Client, ClientEntry, ClientSecretTooShortError, Grant
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeUnits

pytestmark = pytest.mark.anyio

SECRET, OTHER = "s" * 43, "t" * 43
ORDERS = ClientEntry("orders", frozenset({Grant.CLIENT_CREDENTIALS}), {"payments": frozenset({"payments:capture"})})
GATEWAY = ClientEntry("gateway", frozenset({Grant.TOKEN_EXCHANGE}), {})


@pytest.fixture
def clients(units: FakeUnits, clock: FakeClock) -> ClientRegistration:
    return ClientRegistration(units.uow, clock)


async def test_registry_becomes_clients(clients: ClientRegistration, units: FakeUnits) -> None:
    done = await clients.apply([ORDERS, GATEWAY], {"orders": [SECRET]})
    assert done.made == ["orders", "gateway", COMMAND_LINE]
    assert done.without_secret == ["gateway"]
    assert units.uow.clients.rows["orders"].proves(SECRET)
    assert not units.uow.clients.rows["gateway"].proves("")


async def test_command_line_is_the_one_public_client(clients: ClientRegistration, units: FakeUnits) -> None:
    await clients.apply([ORDERS], {"orders": [SECRET]})
    assert [each.id for each in units.uow.clients.rows.values() if each.public] == [COMMAND_LINE]


async def test_applying_again_changes_nothing(clients: ClientRegistration, units: FakeUnits, clock: FakeClock) -> None:
    await clients.apply([ORDERS], {"orders": [SECRET]})
    applied_at = clock.now()
    clock.advance(days=1)
    done = await clients.apply([ORDERS], {"orders": [SECRET]})
    assert not done.anything
    assert units.uow.clients.rows["orders"].updated_at == applied_at
    assert units.uow.audit.actions == ["client-made", "client-made"]


async def test_secret_is_replaced_without_a_gap(clients: ClientRegistration, units: FakeUnits) -> None:
    await clients.apply([ORDERS], {"orders": [SECRET]})
    await clients.apply([ORDERS], {"orders": [OTHER, SECRET]})
    client = units.uow.clients.rows["orders"]
    assert (client.proves(OTHER), client.proves(SECRET)) == (True, True)
    await clients.apply([ORDERS], {"orders": [OTHER]})
    assert (client.proves(OTHER), client.proves(SECRET)) == (True, False)


async def test_client_without_a_setting_keeps_its_secret(clients: ClientRegistration, units: FakeUnits) -> None:
    await clients.apply([ORDERS], {"orders": [SECRET]})
    done = await clients.apply([ORDERS], {})
    assert not done.anything
    assert units.uow.clients.rows["orders"].proves(SECRET)


async def test_changed_grants_and_scopes_are_applied(clients: ClientRegistration, units: FakeUnits) -> None:
    await clients.apply([ORDERS], {"orders": [SECRET]})
    wider = ClientEntry("orders", ORDERS.grants, {**ORDERS.audiences, "inventory": frozenset()})
    assert (await clients.apply([wider], {})).changed == ["orders"]
    assert units.uow.clients.rows["orders"].audiences == wider.audiences


async def test_client_that_left_the_registry_is_removed(clients: ClientRegistration, units: FakeUnits) -> None:
    await clients.apply([ORDERS, GATEWAY], {})
    assert (await clients.apply([ORDERS], {})).removed == ["gateway"]
    assert "gateway" not in units.uow.clients.rows
    last = list(units.uow.audit.rows.values())[-1]
    assert (last.action, last.actor, last.details) == ("client-removed", COMMAND.subject, {"client": "gateway"})


async def test_secret_that_somebody_made_up_is_refused(clients: ClientRegistration) -> None:
    with pytest.raises(ClientSecretTooShortError) as refused:
        await clients.apply([ORDERS], {"orders": ["hunter2"]})
    assert "hunter2" not in str(refused.value)


def test_client_keeps_no_secret_in_clear(clock: FakeClock) -> None:
    client = Client(ORDERS, now=clock.now())
    client.update(ORDERS, [SECRET], clock.now())
    assert SECRET.encode() not in b"".join(client.secret_hashes)
    assert SECRET not in repr(vars(client))
