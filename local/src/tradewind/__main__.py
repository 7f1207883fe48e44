"""``python -m tradewind`` is the ``tradewind`` command."""

from tradewind.main import main

main()
