"""``make bench``: what ``python -m bench`` is, from any folder; ``bench.__main__`` says what it takes."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench.__main__ import main  # noqa: E402 - found only from the checkout's root

if __name__ == "__main__":
    sys.exit(main())
