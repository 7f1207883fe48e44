"""The ``tradewind`` command for a checkout of fake services: its folder, then the command's own words."""

import sys
from pathlib import Path

from tradewind.checkout import Checkout
from tradewind.main import main

main(Checkout(Path(sys.argv.pop(1)), module="fake_service"))
