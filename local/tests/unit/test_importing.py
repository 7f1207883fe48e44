"""Files of products, piece by piece."""

from pathlib import Path
from typing import Any

import pytest

from tradewind import importing, staff
from tradewind.api import Answer, UnreachableError
from tradewind.importing import ImportCutShortError, ProductImport, Source
from tradewind.staff import StaffApi


class FakeApi:
    """A catalogue that keeps what it is sent; ``failures`` are what it does first."""

    url = "http://fake"

    def __init__(self, failures: list[int | None]) -> None:
        self.failures = failures
        self.sent: list[tuple[str, list[str]]] = []
        self.lines = 0

    def send(self, method: str, path: str, *, content: bytes | None = None, **_: Any) -> Answer:
        if self.failures and (failure := self.failures.pop(0)) != 200:
            if failure is None:
                raise UnreachableError("away")
            return Answer(failure, {}, {"detail": "no"})
        if content is not None:
            lines = content.decode().split("\n") if content else []
            self.sent.append((path.partition("?")[2], lines))
            self.lines += len([line for line in lines if not line.startswith("slug")])
        return Answer(200, {}, {"lines": self.lines, "created": self.lines, "changed": 0, "unchanged": 0, "refused": 0})


def importer(failures: list[int | None], monkeypatch: pytest.MonkeyPatch) -> tuple[FakeApi, ProductImport]:
    monkeypatch.setattr(staff, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(importing, "_PIECE", 2)
    api = FakeApi(failures)
    given: Any = api
    return api, ProductImport(StaffApi(given, lambda: "token"), lambda _: None)


def test_file_is_sent_piece_by_piece_each_below_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.csv"
    path.write_text('\ufeffslug,name\r\na,"A\nB"\r\n\r\nb,19" B\r\nc,C')
    api, imports = importer([], monkeypatch)
    known = imports.run(Source.of_file(path), "i")
    assert known["lines"] == 3 + 1  # The one with a line break, as this catalogue counts.
    assert api.sent == [
        ("after=0&last=false", ["slug,name", 'a,"A', 'B"', 'b,19" B']),
        ("after=2&last=true", ["slug,name", "c,C"]),
    ]


def test_long_lines_are_sent_in_smaller_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    api, imports = importer([], monkeypatch)
    monkeypatch.setattr(importing, "_PIECE", 10)
    monkeypatch.setattr(importing, "_PIECE_CHARACTERS", 20)
    lines = ["x" * 8, "y" * 8, "z" * 8, "w" * 50, "v"]
    imports.run(Source("shop", "application/jsonl", lines), "i")
    assert api.sent == [
        ("after=0&last=false", lines[:2]),
        ("after=2&last=false", lines[2:3]),
        ("after=3&last=false", lines[3:4]),
        ("after=4&last=true", lines[4:]),
    ]


def test_import_goes_on_after_the_lines_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text('{"a": "1\\""}\n{"b": 2}\n{"c": 3}\n')
    api, imports = importer([], monkeypatch)
    api.lines = 2
    imports.run(Source.of_file(path), "i")
    assert api.sent == [("after=2&last=true", ['{"c": 3}'])]


def test_piece_is_sent_again_after_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text("{}\n")
    _, imports = importer([200, None, 503, 429], monkeypatch)
    assert imports.run(Source.of_file(path), "i")["lines"] == 1


def test_system_that_stays_away_cuts_it_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text("{}\n")
    _, imports = importer([200, *[None] * 9], monkeypatch)
    with pytest.raises(ImportCutShortError, match="--resume i"):
        imports.run(Source.of_file(path), "i")


def test_token_that_has_expired_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text("{}\n")
    _, imports = importer([401], monkeypatch)
    assert imports.run(Source.of_file(path), "i")["lines"] == 1
