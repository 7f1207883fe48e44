"""What `doctor` says about one thing it looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``mend`` says what to do where it is not well, which is ``serious`` if nothing can run."""

    what: str
    mend: str = ""
    serious: bool = True

    @property
    def is_well(self) -> bool:
        """Tell whether there is nothing to mend."""
        return not self.mend
