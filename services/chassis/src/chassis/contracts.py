"""What a service promised, and whether a new version still keeps it: OpenAPI documents and event schemas.

A document is checked in beside the service. ``settle`` brings it up to date, unless the change would break somebody:
then it stays as it is, and the sentences say what broke. A command needs three lines::

    refused = contracts.settle(folder / "openapi.json", app.openapi(), contracts.breaking_openapi_changes, check=check)
    for sentence in refused:
        click.echo(sentence, err=True)

Two ways lead out of a promise: an operation may go once its old version said ``deprecated: true``, and a list of words
that is meant to grow is declared as ``x-extensible-enum`` instead of ``enum``.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson

from chassis.schema_changes import Document, Schemas, Side, resolve

Comparison = Callable[[Document, Document], list[str]]

_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
_SHOWN_LINES = 40


def breaking_schema_changes(old: Document, new: Document) -> list[str]:
    """Say what a reader of the old version of an event could trip over in the new one.

    Args:
        old: The JSON Schema that readers were written against, with its own ``$defs``.
        new: The schema of the same event and version now.

    Returns:
        One sentence per change, beginning with the field's path; empty when every old reader still manages.
    """
    return list(Schemas("reader", old, new).changes(old, new, "data"))


def breaking_openapi_changes(old: Document, new: Document) -> list[str]:
    """Say what a client of the old document could trip over in the new one.

    Returns:
        One sentence per change, beginning with method and path; empty when every old client still manages.
    """
    return [
        f"{method.upper()} {path}: {sentence}"
        for path, item in _by_shape(old).items()
        for method in _METHODS
        if method in item
        for sentence in _operation_changes(old, item, new, _by_shape(new).get(path, {}), method)
    ]


def settle(path: Path, new: Document, breaking: Comparison, *, check: bool = False) -> list[str]:
    """Bring the checked-in document at ``path`` up to date, or say why it stays as it is.

    Args:
        path: The document; written for the first time when it is absent.
        new: What the code says now.
        breaking: Which changes are not allowed.
        check: Write nothing; a document that is not current is then a sentence of its own.

    Returns:
        Sentences; empty when the document is current afterwards.
    """
    before = path.read_bytes() if path.exists() else b""
    after = _to_json(new)
    if before == after:
        return []
    refused = breaking(orjson.loads(before), new) if before else []
    if refused:
        return [f"{path}: breaks what was promised: {sentence}" for sentence in refused]
    if check:
        return [f"{path}: not current; `make generate` writes it:\n{_difference(before, after)}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(after)
    return []


def settle_folder(folder: Path, new: Mapping[str, Document], breaking: Comparison, *, check: bool = False) -> list[str]:
    """Settle one ``<name>.json`` each; a checked-in one that the code no longer has is a broken promise too.

    Returns:
        Sentences; empty when the folder is current afterwards.
    """
    gone = [path for path in sorted(folder.glob("*.json")) if path.stem not in new]
    sentences = [f"{path}: breaks what was promised: nothing says {path.stem} any more" for path in gone]
    for name, document in sorted(new.items()):
        sentences += settle(folder / f"{name}.json", document, breaking, check=check)
    return sentences


def _to_json(document: Document) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _difference(before: bytes, after: bytes) -> str:
    lines = list(difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), n=1, lineterm=""))[2:]
    more = [f"… and {len(lines) - _SHOWN_LINES} lines more"] if len(lines) > _SHOWN_LINES else []
    return "\n".join(lines[:_SHOWN_LINES] + more)


# The wire knows a path's shape, not what its parameters are called.
def _by_shape(document: Document) -> dict[str, Document]:
    return {
        "/".join("{}" if step.startswith("{") else step for step in path.split("/")): item
        for path, item in document.get("paths", {}).items()
    }


def _operation_changes(
    old: Document, old_item: Document, new: Document, new_item: Document, method: str
) -> Iterator[str]:
    before = old_item[method]
    if method not in new_item:
        if not before.get("deprecated"):
            yield "is gone, and was not deprecated before"
        return
    after = new_item[method]
    yield from _parameter_changes(old, _parameters(old, old_item, before), new, _parameters(new, new_item, after))
    yield from _body_changes(old, before, new, after)
    yield from _response_changes(old, before, new, after)
    yield from _security_changes(
        before.get("security", old.get("security", [])), after.get("security", new.get("security", []))
    )


def _parameters(document: Document, item: Document, operation: Document) -> dict[tuple[str, str], Document]:
    """Return the parameters by place and name; path parameters, which have a place but no name, are numbered."""
    listed = [resolve(document, each) for each in [*item.get("parameters", []), *operation.get("parameters", [])]]
    named = {(each["in"], each["name"].lower()): each for each in listed if each["in"] != "path"}
    placed = [each for each in listed if each["in"] == "path"]
    return named | {("path", str(number)): each for number, each in enumerate(placed, start=1)}


def _parameter_changes(
    old: Document,
    before: dict[tuple[str, str], Document],
    new: Document,
    after: dict[tuple[str, str], Document],
) -> Iterator[str]:
    for (place, name), parameter in after.items():
        was = before.get((place, name))
        if parameter.get("required") and not (was and was.get("required")):
            yield f"{place} parameter {name} is required now"
    for (place, name), parameter in before.items():
        if (place, name) not in after:
            yield f"{place} parameter {name} is gone"
            continue
        schemas = Schemas("writer", old, new)
        yield from schemas.changes(
            parameter.get("schema", {}), after[place, name].get("schema", {}), f"{place} parameter {name}"
        )


def _body_changes(old: Document, before: Document, new: Document, after: Document) -> Iterator[str]:
    was, now = resolve(old, before.get("requestBody", {})), resolve(new, after.get("requestBody", {}))
    if now.get("required") and not was.get("required"):
        yield "a body is required now"
    yield from _content_changes("writer", "body", (old, was), (new, now))


def _response_changes(old: Document, before: Document, new: Document, after: Document) -> Iterator[str]:
    for status, response in before.get("responses", {}).items():
        was, now = resolve(old, response), resolve(new, after.get("responses", {}).get(status))
        if now is None:
            # An error that can no longer happen harms nobody; an answer that no longer comes does.
            if status.startswith("2"):
                yield f"no longer answers {status}"
            continue
        for header in sorted(was.get("headers", {}).keys() - now.get("headers", {}).keys()):
            yield f"answer {status} no longer has the header {header}"
        yield from _content_changes("reader", f"answer {status}", (old, was), (new, now))


def _content_changes(
    side: Side, what: str, before: tuple[Document, Document], after: tuple[Document, Document]
) -> Iterator[str]:
    (old, was), (new, now) = before, after
    for media_type, content in was.get("content", {}).items():
        if media_type not in now.get("content", {}):
            yield f"{what} is no longer {media_type}"
            continue
        schemas = Schemas(side, old, new)
        yield from schemas.changes(content.get("schema", {}), now["content"][media_type].get("schema", {}), what)


def _security_changes(before: list[Document], after: list[Document]) -> Iterator[str]:
    """Every credential that opened the operation still has to."""
    for was in before or [{}]:
        if not any(_asks_no_more(now, was) for now in after or [{}]):
            yield f"asks for more than {_credential(was)}"


def _asks_no_more(now: Document, was: Document) -> bool:
    return all(scheme in was and set(scopes) <= set(was[scheme]) for scheme, scopes in now.items())


def _credential(requirement: Document) -> str:
    named = [f"{scheme} ({' '.join(scopes)})" if scopes else scheme for scheme, scopes in requirement.items()]
    return " and ".join(named) or "no credential"
