"""What a customer keeps a few of: entries with an id each, of which one at a time may be the default for something.

A kind of entry is three short classes: what it holds, the ``Entry``, and the ``Book`` that says how many there may be.
"""

from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from chassis.ids import uuid7


class Uses(Protocol):
    """What an entry is used for unless the customer says otherwise; a value."""

    def without(self, taken: Self) -> Self:
        """Return what is left when another entry takes ``taken``."""
        ...


ContentT = TypeVar("ContentT")
UsesT = TypeVar("UsesT", bound=Uses)


class Entry(Generic[ContentT, UsesT]):
    """One thing in a customer's book, with a ``version`` of its own that counts its changes."""

    def __init__(self, customer_id: UUID, content: ContentT, defaults: UsesT) -> None:
        self.id = uuid7()
        self.customer_id = customer_id
        self.version = 1
        self.content = content
        self.defaults = defaults

    def become(self, content: ContentT, defaults: UsesT) -> None:
        """Change to this; nothing happens if it is this already."""
        if (self.content, self.defaults) != (content, defaults):
            self.content, self.defaults = content, defaults
            self.version += 1


class Owner(Protocol):
    """Whose book it is."""

    @property
    def id(self) -> UUID:
        """The customer's id."""
        ...

    def ensure_open(self) -> None:
        """Raise if the account is closed."""
        ...


class Book(Generic[ContentT, UsesT]):
    """A customer's entries of one kind, and the rules among them.

    ``limit`` is per customer: enough for anybody, and few enough to be loaded together.
    """

    kind: ClassVar[type[Entry[Any, Any]]]
    limit: ClassVar[int]
    missing: ClassVar[type[NotFoundError]]
    id_name: ClassVar[str]
    full: ClassVar[type[ConflictError]]

    def __init__(self, owner: Owner, entries: list[Entry[ContentT, UsesT]]) -> None:
        self._owner = owner
        self._entries = entries

    def get(self, entry_id: UUID) -> Entry[ContentT, UsesT]:
        """Return one of the customer's own entries.

        Raises:
            NotFoundError: ``missing``; it is not in this book.
        """
        for entry in self._entries:
            if entry.id == entry_id:
                return entry
        which: dict[str, Any] = {self.id_name: str(entry_id)}
        raise self.missing(**which)

    def add(self, content: ContentT, defaults: UsesT) -> Entry[ContentT, UsesT]:
        """Put an entry into the book; it takes from the others what it is the default for.

        Raises:
            ConflictError: ``full``; there are ``limit`` already.
        """
        self._owner.ensure_open()
        if len(self._entries) >= self.limit:
            raise self.full(f"There is room for {self.limit}.", limit=self.limit)
        entry = self.kind(self._owner.id, content, defaults)
        self._entries.append(entry)
        self._take_from_others(entry)
        return entry

    def change(self, entry: Entry[ContentT, UsesT], content: ContentT, defaults: UsesT) -> None:
        """Make one of the book's entries another one; its id stays."""
        entry.become(content, defaults)
        self._take_from_others(entry)

    def remove(self, entry_id: UUID) -> None:
        """Take an entry out of the book; what it was the default for has no default then."""
        self._entries.remove(self.get(entry_id))

    def _take_from_others(self, chosen: Entry[ContentT, UsesT]) -> None:
        for other in self._entries:
            if other is not chosen:
                other.become(other.content, other.defaults.without(chosen.defaults))
