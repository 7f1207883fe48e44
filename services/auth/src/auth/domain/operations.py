"""What an operator at the server's command line works with."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from auth.domain.client_registration import Applied
from auth.domain.mails import Mail
from auth.domain.passwords import PasswordHasher
from auth.domain.rotation import KeyService
from auth.domain.units import Units
from chassis.clock import Clock


@dataclass(frozen=True, slots=True)
class Operations:
    """The parts that commands need; ``mails`` is None where mails are not kept."""

    units: Units
    clock: Clock
    hasher: PasswordHasher
    keys: KeyService
    apply_clients: Callable[[], Awaitable[Applied]]
    mails: Callable[[], Awaitable[Sequence[Mail]]] | None
