"""Files of products, sent to the catalogue piece by piece, so that a long one can be cut short and go on."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from chassis.csv_rows import ends_row
from tradewind import showroom
from tradewind.api import UnreachableError
from tradewind.errors import TradewindError
from tradewind.staff import StaffApi

_IMPORTS = "/v1/product-imports"
_PIECE = 1000
_PIECE_CHARACTERS = 2_000_000
"""However long lines are, the catalogue takes at most 16 MiB at a time."""

_MOST_SHOWN = 20
_MOST_ASKED = 100
_DELIVERY = 20

Say = Callable[[str], None]


class ImportCutShortError(TradewindError):
    """The system went away in the middle; the sentence tells how to go on."""


@dataclass(frozen=True, slots=True)
class Source:
    """Lines to import: without their line breaks, below ``header`` where there is one."""

    name: str
    media_type: str
    lines: Iterable[str]
    header: str | None = None

    @classmethod
    def of_file(cls, path: Path) -> "Source":
        """Read a file while it is sent: CSV by its name, anything else as JSON lines."""
        if path.suffix.lower() != ".csv":
            return cls(path.name, "application/jsonl", _lines(path, quoted=False))
        lines = _lines(path, quoted=True)
        return cls(path.name, "text/csv", lines, next(lines, "slug"))

    @classmethod
    def of_showroom(cls) -> "Source":
        """Return the catalogue to try things with."""
        return cls("showroom", "application/jsonl", (json.dumps(each) for each in showroom.products()))


def _lines(path: Path, *, quoted: bool) -> Iterator[str]:
    """Yield the lines that are not blank; a line break between quotes belongs to the line where they count."""
    whole = ""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line in file:
            within = bool(whole)
            whole += line
            if quoted and not ends_row(line.rstrip("\r\n").encode(), within=within):
                continue
            if whole.strip():
                yield whole.rstrip("\r\n")
            whole = ""
    if whole.strip():
        yield whole


def _pieces(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield what is sent together, the last of it too where that is nothing."""
    piece: list[str] = []
    characters = 0
    for line in lines:
        if piece and (len(piece) == _PIECE or characters + len(line) > _PIECE_CHARACTERS):
            yield piece
            piece, characters = [], 0
        piece.append(line)
        characters += len(line)
    yield piece


class ProductImport:
    """Brings products in through the gateway, as staff.

    Args:
        staff: Asks the gateway as them.
        say: Shows a line.
    """

    def __init__(self, staff: StaffApi, say: Say) -> None:
        self._staff = staff
        self._say = say

    def make_categories(self) -> None:
        """Have the showroom's categories; those that are there stay as they are."""
        for slug, name, parent in showroom.CATEGORIES:
            document = {"slug": slug, "name": name, "parent": parent}
            self._staff.send("POST", "/v1/categories", document=document).expect(
                HTTPStatus.CREATED, HTTPStatus.CONFLICT
            )

    def fill_shelves(self) -> None:
        """Have some pieces of all that the showroom lacks: what is not there cannot be bought."""
        skus = iter([variant["sku"] for product in showroom.products() for variant in product["variants"]])
        while asked := list(islice(skus, _MOST_ASKED)):
            query = urlencode({"sku": asked}, doseq=True)
            found = self._staff.send("GET", f"/v1/availability?{query}").expect(HTTPStatus.OK).body["items"]
            lines = [{"sku": each["sku"], "quantity": _DELIVERY} for each in found if not each["available"]]
            if lines:
                document = {"reference": "showroom", "lines": lines}
                once = {"Idempotency-Key": secrets.token_hex(8)}
                self._staff.send("POST", "/v1/stock-intakes", document=document, headers=once).expect(
                    HTTPStatus.CREATED
                )

    def start(self, source: Source) -> str:
        """Begin an import; return its id."""
        answer = self._staff.send("POST", _IMPORTS, document={"name": source.name}).expect(HTTPStatus.CREATED)
        return str(answer.body["id"])

    def run(self, source: Source, import_id: str) -> dict[str, Any]:
        """Send what the import does not have yet; return it as it is then.

        Raises:
            ImportCutShortError: The system is away for longer than a moment.
        """
        known: dict[str, Any] = self._staff.send("GET", f"{_IMPORTS}/{import_id}").expect(HTTPStatus.OK).body
        after = int(known["lines"])
        pieces = _pieces(islice(source.lines, after, None))
        following: list[str] | None = next(pieces)
        while following is not None:
            piece, following = following, next(pieces, None)
            known = self._send_piece(source, import_id, after, piece, last=following is None)
            after += len(piece)
            self._say(f"  {after:>7} lines: {_counted(known)}")
        return known

    def refused(self, import_id: str) -> list[str]:
        """Return why lines were refused, a sentence each, the first twenty."""
        path = f"{_IMPORTS}/{import_id}/lines?outcome=refused&limit={_MOST_SHOWN}"
        items = self._staff.send("GET", path).expect(HTTPStatus.OK).body["items"]
        return [f"line {each['line']} ({each['slug'] or '?'}): {each['detail']}" for each in items]

    def _send_piece(
        self, source: Source, import_id: str, after: int, piece: list[str], *, last: bool
    ) -> dict[str, Any]:
        header = [] if source.header is None else [source.header]
        query = f"after={after}&last={'true' if last else 'false'}"
        content = "\n".join([*header, *piece]).encode()
        path = f"{_IMPORTS}/{import_id}/lines?{query}"
        try:
            answer = self._staff.send("PUT", path, content=content, headers={"Content-Type": source.media_type})
        except UnreachableError as error:
            raise ImportCutShortError(f"{error} `--resume {import_id}` goes on after line {after}.") from error
        document: dict[str, Any] = answer.expect(HTTPStatus.OK).body
        return document


def _counted(known: dict[str, Any]) -> str:
    return ", ".join(f"{known[name]} {name}" for name in ("created", "changed", "unchanged", "refused") if known[name])
