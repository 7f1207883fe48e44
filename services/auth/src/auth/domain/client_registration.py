"""Making the OAuth clients what the registry and the settings say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auth.domain.audit import entry
from auth.domain.callers import COMMAND
from auth.domain.clients import COMMAND_LINE, Client, ClientEntry, Grant
from auth.domain.units import UnitOfWork
from chassis.clock import Clock

FIRST_PARTY = ClientEntry(COMMAND_LINE, frozenset({Grant.PASSWORD, Grant.REFRESH}), {})
"""Not a service, so in no registry. Whether the password grant works at all is a setting."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did, by client name."""

    made: list[str]
    changed: list[str]
    removed: list[str]
    without_secret: list[str]

    @property
    def anything(self) -> bool:
        """Whether a client is different from before."""
        return bool(self.made or self.changed or self.removed)


class ClientRegistration:
    """Applies the registry inside the given unit of work; doing it again changes nothing."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def apply(self, entries: Sequence[ClientEntry], secrets: Mapping[str, Sequence[str]]) -> Applied:
        """Make, change and remove clients until they are what ``entries`` say.

        Args:
            secrets: By client name, the current one first. A client without any keeps what it has.

        Raises:
            ClientSecretTooShortError: A secret was not made by a generator; nothing is applied.
        """
        now = self._clock.now()
        known = {client.id: client for client in await self._uow.clients.lock_all()}
        done = Applied([], [], [], [])
        for each in (*entries, FIRST_PARTY):
            client = known.pop(each.name, None)
            fresh = client is None
            if client is None:
                client = Client(each, now=now)
                self._uow.clients.add(client)
                done.made.append(each.name)
            if client.update(each, secrets.get(each.name, ()), now) and not fresh:
                done.changed.append(each.name)
            if not client.public and not client.secret_hashes:
                done.without_secret.append(each.name)
        for client in known.values():
            await self._uow.clients.remove(client)
            done.removed.append(client.id)
        self._note(done)
        return done

    def _note(self, done: Applied) -> None:
        for action, names in (("made", done.made), ("changed", done.changed), ("removed", done.removed)):
            for name in names:
                self._uow.audit.add(entry(f"client-{action}", COMMAND, self._clock.now(), client=name))
