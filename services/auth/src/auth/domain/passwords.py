"""Which passwords are acceptable, and what turns them into hashes.

Source: NIST SP 800-63B, section 3.1.1 (length over composition, normalise, no truncation).
"""

import unicodedata
from dataclasses import dataclass
from typing import Protocol

from chassis.errors import InvalidError

SHORTEST = 12
LONGEST = 128
"""Characters after normalisation: a bound, so that nobody can make us hash a megabyte."""

_FEWEST_DISTINCT = 4

# Long enough, and among the first that anybody tries.
_COMMON = frozenset(
    {
        "123456789012",
        "1234567890123",
        "1234567890ab",
        "administrator",
        "adminadminadmin",
        "changemechangeme",
        "iloveyouiloveyou",
        "letmeinletmein",
        "password1234",
        "password12345",
        "passwordpassword",
        "qwertyqwerty",
        "qwertyuiop12",
        "qwertyuiopasdf",
        "tradewindtradewind",
        "welcomewelcome",
    }
)


class WeakPasswordError(InvalidError):
    """The password is not acceptable; the sentence says which rule it breaks."""

    code = "weak-password"
    title = "The password is not acceptable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comparing a password with a hash found.

    ``new_hash`` is set when the password is right and its hash was made with other parameters than today's.
    """

    right: bool
    new_hash: str | None = None


class PasswordHasher(Protocol):
    """Makes and checks slow hashes; every call costs about the same time."""

    async def hash(self, password: str) -> str:
        """Return a salted hash of a normalised password.

        Raises:
            UnavailableError: More hashes are waiting than will be done in time.
        """
        ...

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Compare a normalised password with a hash; None costs the same and is never right.

        Raises:
            UnavailableError: More hashes are waiting than will be done in time.
        """
        ...


def normalise(password: str) -> str:
    """Return the password as it is hashed: NFKC, so that every keyboard's spelling of it is the same."""
    return unicodedata.normalize("NFKC", password)


def acceptable(password: str, *, email: str) -> str:
    """Return a new password as it is hashed.

    Args:
        email: Of the account it is for; neither it nor its local part may be the password.

    Raises:
        WeakPasswordError: It breaks a rule.
    """
    normal = normalise(password)
    if len(normal) < SHORTEST:
        raise WeakPasswordError(f"It has fewer than {SHORTEST} characters.")
    if len(normal) > LONGEST:
        raise WeakPasswordError(f"It has more than {LONGEST} characters.")
    if any(unicodedata.category(each) == "Cc" for each in normal):
        raise WeakPasswordError("It holds control characters.")
    folded = normal.casefold()
    if folded in {email.casefold(), email.partition("@")[0].casefold()}:
        raise WeakPasswordError("It is the e-mail address.")
    if len(set(folded)) < _FEWEST_DISTINCT or folded in _COMMON:
        raise WeakPasswordError("It is among the first that anybody would try.")
    return normal


def comparable(password: str) -> str | None:
    """Return a password somebody claims to be right, normalised; None if no stored one can be that long."""
    normal = normalise(password)
    return normal if len(normal) <= LONGEST else None
