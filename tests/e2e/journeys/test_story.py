"""The shopping story of the command line, told to any system by its address."""

import os
import subprocess
import sys

from tests.e2e.people import Person


def test_shopping_story_comes_true_wherever_it_is_told(base_url: str, staff: Person) -> None:
    environment = {**os.environ, "TRADEWIND_TOKEN": staff.tokens["access_token"]}
    told = subprocess.run(
        [sys.executable, "-m", "tradewind", "demo", "--base-url", base_url],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Every answer was as it should be." in told.stdout
