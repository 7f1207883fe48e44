"""Reconciliation as a person reads it, and whom the command asks as whom."""

from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tradewind import staff, target
from tradewind.api import Answer, Api
from tradewind.books import compare, shown
from tradewind.checkout import Checkout
from tradewind.main import cli
from tradewind.staff import StaffApi
from tradewind.target import NobodyOfTheStaffError, Target

WELL: dict[str, Any] = {
    "as_of": "2026-01-31T12:00:00Z",
    "orders": 1,
    "left_out": 2,
    "differences": [],
    "next_cursor": None,
}
ILL = {
    **WELL,
    "left_out": 0,
    "differences": [
        {"order_id": "a", "book": "ledger", "expected": "captured 5", "found": "captured 4"},
        {"order_id": "a", "book": "stock", "expected": "taken nothing", "found": "taken 1 of MUG"},
        {"order_id": "b", "book": "provider", "expected": "captured 7", "found": "captured 14"},
    ],
}


def test_books_that_agree_are_one_sentence() -> None:
    assert [click.unstyle(line) for line in shown(WELL)] == [
        "As of 2026-01-31T12:00:00Z: 1 order compared, and 2 left out that were under way.",
        "Every book says the same.",
    ]


def test_each_difference_is_shown_below_its_order() -> None:
    assert click.unstyle("\n".join(shown({**ILL, "orders": 3}))) == (
        "As of 2026-01-31T12:00:00Z: 3 orders compared.\n"
        "\nOrder a\n"
        "  payments' ledger should say: captured 5\n"
        "                     and says: captured 4\n"
        "  inventory should say: taken nothing\n"
        "              and says: taken 1 of MUG\n"
        "\nOrder b\n"
        "  the provider should say: captured 7\n"
        "                 and says: captured 14\n"
        "\n3 differences, of 2 orders."
    )


class FakeApi:
    """A system that answers every request alike, or, where it has ``pages``, with one after the other."""

    url = "http://elsewhere"

    def __init__(self, status: int, body: Any) -> None:
        self.answer = Answer(status, {}, body)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.pages: list[Answer] = []

    def send(
        self, method: str, path: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        self.asked.append((method, path, headers or form or {}))
        if form:
            return Answer(200, {}, {"access_token": "signed in"})
        return self.pages.pop(0) if self.pages else self.answer


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Any], FakeApi]:
    """Let another system answer, which nothing in the environment says who runs."""
    for name in (target.TOKEN, target.EMAIL, target.PASSWORD):
        monkeypatch.delenv(name, raising=False)

    def answering(status: int, body: Any) -> FakeApi:
        api = FakeApi(status, body)
        monkeypatch.setattr(target, "Api", lambda url: api if url == api.url else Api(url))
        return api

    return answering


@pytest.mark.parametrize(("status", "body", "expected"), [(200, WELL, 0), (200, ILL, 1), (403, {"detail": "no"}, 2)])
def test_status_says_what_was_found(
    elsewhere: Callable[[int, Any], FakeApi],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: Any,
    expected: int,
) -> None:
    elsewhere(status, body)
    monkeypatch.setenv(target.TOKEN, "mine")
    done = CliRunner().invoke(cli, ["reconcile", "--base-url", "http://elsewhere/"], obj=Checkout.of_this_package())
    assert done.exit_code == expected, done.output


def compared(api: FakeApi, as_of: str | None = None) -> tuple[dict[str, Any], list[int]]:
    """Compare, and return what was said of how far it was, too."""
    found = Target.find(Checkout.of_this_package(), None, api.url)
    said: list[int] = []
    return compare(StaffApi(found.api, found.staff_token), as_of, said.append), said


def test_pages_are_one_comparison_of_one_instant(
    elsewhere: Callable[[int, Any], FakeApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff, "_PAUSE_SECONDS", 0)
    monkeypatch.setenv(target.TOKEN, "mine")
    api = elsewhere(200, {**ILL, "orders": 3})
    first = Answer(200, {}, {**WELL, "orders": 100, "next_cursor": "older"})
    api.pages = [first, Answer(503, {}, {"detail": "payments is away"})]
    found, said = compared(api, WELL["as_of"])
    assert (found["orders"], found["left_out"], found["differences"]) == (103, 2, ILL["differences"])
    assert said == [100]
    assert [path for _, path, _ in api.asked][1:] == ["/v1/reconciliation?limit=100&cursor=older"] * 2


def test_who_is_away_is_said(elsewhere: Callable[[int, Any], FakeApi], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff, "_PAUSE_SECONDS", 0)
    monkeypatch.setenv(target.TOKEN, "mine")
    elsewhere(503, {"detail": "payments does not answer"})
    done = CliRunner().invoke(cli, ["reconcile", "--base-url", "http://elsewhere/"], obj=Checkout.of_this_package())
    assert (done.exit_code, done.output) == (2, "http://elsewhere is away: it answers 503: payments does not answer\n")


def test_who_runs_another_system_is_in_the_environment(
    elsewhere: Callable[[int, Any], FakeApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = elsewhere(200, WELL)
    with pytest.raises(NobodyOfTheStaffError, match="set ADMIN_EMAIL and ADMIN_PASSWORD, or TRADEWIND_TOKEN"):
        compared(api)
    monkeypatch.setenv(target.EMAIL, "boss@shop.example")
    monkeypatch.setenv(target.PASSWORD, "secret")
    compared(api, "2026-01-31T12:00:00+01:00")
    assert api.asked[-1] == (
        "GET",
        "/v1/reconciliation?limit=100&as_of=2026-01-31T12%3A00%3A00%2B01%3A00",
        {"Authorization": "Bearer signed in"},
    )
    monkeypatch.setenv(target.TOKEN, "mine")
    compared(api)
    assert api.asked[-1][2] == {"Authorization": "Bearer mine"}


def test_address_is_one_before_anything_is_sent_there() -> None:
    done = CliRunner().invoke(cli, ["reconcile", "--base-url", "127.0.0.1:8080"], obj=Checkout.of_this_package())
    assert (done.exit_code, "should look like http://" in done.output) == (2, True)
