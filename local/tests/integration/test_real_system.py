"""The commands against the real services of this checkout."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing import TRADEWIND, RunningSystem


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    with RunningSystem("--ephemeral") as running:
        yield running


def tradewind(system: RunningSystem, *words: str) -> str:
    command = [*TRADEWIND, words[0], "--state-dir", str(system.state), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(system: RunningSystem, path: str, token: str) -> Any:
    request = urllib.request.Request(system.address + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_token_is_the_demo_customers_each_time_a_fresh_one(system: RunningSystem) -> None:
    first, second = (tradewind(system, "token").strip() for _ in range(2))
    assert first != second
    assert read(system, "/v1/customers/me", first)["id"] == read(system, "/v1/customers/me", second)["id"]


def test_admins_token_opens_what_is_for_staff(system: RunningSystem) -> None:
    emails = [
        each["email"] for each in read(system, "/v1/accounts", tradewind(system, "token", "--admin").strip())["items"]
    ]
    assert "admin@tradewind.example" in emails


def test_story_of_the_demo_comes_true_and_its_mail_is_shown(system: RunningSystem) -> None:
    told = tradewind(system, "demo")
    assert "Every answer was as it should be." in told
    assert "idempotency-replayed: true" in told
    email = told.split('"email": "', 1)[1].split('"', 1)[0]
    mails = json.loads(tradewind(system, "mail", "--json"))
    assert [set(mail) for mail in mails if mail["to"] == email] == [{"to", "subject", "body", "at"}]
    trace = told.rsplit("--trace ", 1)[1].split()[0]
    followed = tradewind(system, "logs", "--trace", trace)
    assert {line.split()[2] for line in followed.splitlines()} == {"gateway", "auth", "customers"}


def test_showroom_is_brought_in_once_and_found(system: RunningSystem) -> None:
    assert " created" in tradewind(system, "import", "products", "--demo").splitlines()[-1]
    assert tradewind(system, "import", "products", "--demo").splitlines()[-1].endswith(" unchanged")
    with urllib.request.urlopen(f"{system.address}/v1/products?q=linnen+shrt&currency=EUR", timeout=20) as answer:
        found = json.load(answer)
    assert found["matching"] == "similar"
    assert all("linen" in each["name"] and "shirt" in each["name"] for each in found["items"][:3])


def test_refused_lines_are_told(system: RunningSystem, tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("slug,name,sku,weight_grams,price.EUR\nreal-thing,Real thing,REAL-THING,10,100\nno-name,,,,\n")
    command = [*TRADEWIND, "import", "--state-dir", str(system.state), "products", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "  line 2 (no-name): A new product needs a name.\n")
    assert "1 created, 1 refused" in done.stdout


def test_every_part_is_ready_and_counted(system: RunningSystem) -> None:
    parts = {part["name"]: part for part in json.loads(tradewind(system, "status", "--json"))}
    assert {"postgres", "nats", "auth", "customers", "gateway", "runner"} <= set(parts)
    for part in parts.values():
        if part["metrics"] is not None:
            with urllib.request.urlopen(part["metrics"], timeout=5) as answer:
                assert b"tradewind_" in answer.read()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is shared out on Linux only")
def test_everything_together_needs_little_memory(system: RunningSystem) -> None:
    parts = json.loads(tradewind(system, "status", "--json"))
    assert sum(part["memory_bytes"] for part in parts) < 900e6
