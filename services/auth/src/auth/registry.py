"""``registry.yaml``, generated from every service's ``service.yaml``: the clients and scopes there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from auth.domain.clients import ClientEntry, Grant
from auth.domain.roles import Role, ScopeRegistry

GENERATED = Path(__file__).with_name("registry.yaml")

_GRANTS = {"client_credentials": Grant.CLIENT_CREDENTIALS, "token_exchange": Grant.TOKEN_EXCHANGE}


@dataclass(frozen=True, slots=True)
class Registry:
    """What the file says."""

    clients: Sequence[ClientEntry]
    scopes: ScopeRegistry

    @property
    def audiences(self) -> list[str]:
        """Whom a token can be for, besides users' services: every service there is."""
        return [client.name for client in self.clients]


def read(path: Path = GENERATED) -> Registry:
    """Read the file.

    Raises:
        ValueError: It is not what ``hack/generate.py`` writes.
    """
    document = yaml.safe_load(path.read_text())
    try:
        clients = [_client(each) for each in document["clients"]]
        holders = {each["name"]: frozenset(Role(role) for role in each["roles"]) for each in document["scopes"]}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a registry: {error!r}") from error
    return Registry(clients, ScopeRegistry(holders))


def _client(document: dict[str, Any]) -> ClientEntry:
    audiences = {each["name"]: frozenset(each["scopes"]) for each in document["audiences"]}
    return ClientEntry(document["name"], frozenset(_GRANTS[each] for each in document["grants"]), audiences)
