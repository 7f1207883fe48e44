"""The commands against the real services of this checkout."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local.tests.integration.planting import Shop

from tradewind import showroom
from tradewind.checkout import Checkout
from tradewind.session import Session
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


@pytest.mark.skipif(sys.platform != "linux", reason="memory is shared out on Linux only")
def test_everything_together_needs_little_memory(system: RunningSystem) -> None:
    """At rest after its start, which comes first here: what is bought and searched for later needs more."""
    parts = json.loads(tradewind(system, "status", "--json"))
    assert sum(part["memory_bytes"] for part in parts) < 900e6


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
    told = tradewind(system, "demo", "accounts")
    assert "Every answer was as it should be." in told
    assert "idempotency-replayed: true" in told
    email = told.split('"email": "', 1)[1].split('"', 1)[0]
    mails = json.loads(tradewind(system, "mail", "--json"))
    assert [set(mail) for mail in mails if mail["to"] == email] == [{"to", "subject", "body", "at"}]
    trace = told.rsplit("--trace ", 1)[1].split()[0]
    followed = tradewind(system, "logs", "--trace", trace)
    assert {line.split()[2] for line in followed.splitlines()} == {"gateway", "auth", "customers"}


def test_shopping_story_comes_true_again_and_again(system: RunningSystem) -> None:
    first, second = (tradewind(system, "demo") for _ in range(2))
    for told in (first, second):
        assert "→ 201 rejected (payment-declined): EUR 30.72" in told
        assert "10 % off with STORY10: EUR -2.98" in told
        assert "placed → reserved → authorised → pinned → captured → confirmed → shipped → delivered" in told
        assert "EUR 13.41 refunded" in told
        assert "Every answer was as it should be." in told
    assert ("1 created" in first, "1 unchanged" in second) == (True, True)
    assert "10 % off every line" not in second  # The coupon is there.


def test_showroom_is_brought_in_once_and_found(system: RunningSystem) -> None:
    assert " created" in tradewind(system, "import", "products", "--demo").splitlines()[-1]
    assert tradewind(system, "import", "products", "--demo").splitlines()[-1].endswith(" unchanged")
    with urllib.request.urlopen(f"{system.address}/v1/products?q=linnen+shrt&currency=EUR", timeout=20) as answer:
        found = json.load(answer)
    assert found["matching"] == "similar"
    assert all("linen" in each["name"] and "shirt" in each["name"] for each in found["items"][:3])
    variants = [variant["sku"] for product in showroom.products() for variant in product["variants"]]
    for sku in (variants[0], variants[-1]):
        path = f"/v1/stock?sku={sku}"
        stock = read(system, path, tradewind(system, "token", "--admin").strip())
        assert [each["on_hand"] for each in stock["items"]] == [20]  # Received once, by the first of the two.


def test_every_kind_of_difference_between_the_books_is_found(system: RunningSystem) -> None:
    shop = Shop(Session.find(Checkout.of_this_package(), system.state))
    bought = {
        name: shop.order()
        for name in ("no capture", "two captures", "a refund", "no payment", "no stock", "less stock", "no order")
    }
    refused = {name: shop.order("tok_decline") for name in ("money is held", "stock is held", "stock is gone")}
    untouched = [shop.order(), shop.order("tok_decline")]
    assert reconciled(system)["orders"] >= len([*bought, *refused, *untouched])
    shop.write(
        "payments",
        f"UPDATE payment_changes SET refunded_minor = 7 WHERE order_id = '{bought['a refund']}'",
        f"DELETE FROM payment_changes WHERE order_id = '{bought['no payment']}'",
        f"UPDATE payment_changes SET state = 'authorised' WHERE order_id = '{refused['money is held']}'",
    )
    again = "reference || '-2', kind, authorisation, amount_minor, currency, method, token, outcome, code"
    shop.write(
        "sandbox",
        f"UPDATE operations SET outcome = 'refused' WHERE reference = '{bought['no capture']}-capture'",
        f"INSERT INTO operations SELECT {again}, created_at, settled_at, gen_random_uuid() FROM operations "
        f"WHERE reference = '{bought['two captures']}-capture'",
        f"UPDATE operations SET outcome = 'approved' WHERE reference LIKE '{refused['money is held']}%'",
    )
    shop.write(
        "inventory",
        f"DELETE FROM reservation_transitions WHERE order_id = '{bought['no stock']}'",
        f"UPDATE reservation_lines SET quantity = 1 WHERE order_id = '{bought['less stock']}'",
        f"UPDATE reservation_transitions SET state = 'pinned' WHERE order_id = '{refused['stock is held']}'",
        f"UPDATE reservation_transitions SET state = 'committed' WHERE order_id = '{refused['stock is gone']}'",
    )
    shop.write(
        "orders",
        f"DELETE FROM sagas WHERE order_id = '{bought['no order']}'",
        f"DELETE FROM orders WHERE id = '{bought['no order']}'",
    )
    found = {(each["order_id"], each["book"]) for each in reconciled(system, status=1)["differences"]}
    assert found == {
        (bought["no capture"], "provider"),
        (bought["two captures"], "provider"),
        (bought["a refund"], "ledger"),
        (bought["no payment"], "ledger"),
        (bought["no stock"], "stock"),
        (bought["less stock"], "stock"),
        *((bought["no order"], book) for book in ("ledger", "provider", "stock")),
        (refused["money is held"], "ledger"),
        (refused["money is held"], "provider"),
        (refused["stock is held"], "stock"),
        (refused["stock is gone"], "stock"),
    }
    assert not {order_id for order_id, _ in found}.intersection(untouched)


def reconciled(system: RunningSystem, *, status: int = 0) -> Any:
    """Compare the books at a moment at which no order was under way, which is some seconds ago then."""
    deadline = time.monotonic() + 60
    while True:
        command = [*TRADEWIND, "reconcile", "--state-dir", str(system.state), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        found = json.loads(done.stdout)
        if not found["left_out"]:
            assert done.returncode == status
            return found
        assert time.monotonic() < deadline, "an order never ended"
        time.sleep(1)


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
