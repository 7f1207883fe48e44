"""What a change of a JSON Schema does to whoever holds the old version.

The same change can be harmless on the way in and fatal on the way out, so schemas are compared from one side: a
*reader* of what we send (events, responses), or a *writer* of what we take (requests). Compared are the keywords our
documents use; what is not known here is not judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

Document = dict[str, Any]

_LOWER_BOUNDS = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_UPPER_BOUNDS = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")

Side = Literal["reader", "writer"]
"""Who holds the old version: a reader of what we send, or a writer of what we take."""


@dataclass(frozen=True)
class Schemas:
    """A comparison of two JSON Schemas; remembers the pairs it is inside of, for schemas that hold themselves."""

    side: Side
    old: Document
    new: Document
    inside: frozenset[tuple[str, str]] = frozenset()

    def changes(self, before: Any, after: Any, where: str) -> Iterator[str]:
        """Yield a sentence for each change that harms the side."""
        pair = (str(before.get("$ref")), str(after.get("$ref")))
        if pair in self.inside:
            return
        inner = replace(self, inside=self.inside | {pair}) if "$ref" in before or "$ref" in after else self
        was, now = _alternatives(self.old, before), _alternatives(self.new, after)
        yield from inner.alternative_changes(was, now, where)

    def alternative_changes(self, was: list[Document], now: list[Document], where: str) -> Iterator[str]:
        """Compare each alternative that must still be understood with the one that would understand it."""
        # A reader holds `was` and meets each of `now`; a writer sends each of `was` and meets `now`.
        met, known = (now, was) if self.side == "reader" else (was, now)
        for each in met:
            pairs = [(one, each) if self.side == "reader" else (each, one) for one in known]
            results = [list(self._plain_changes(*pair, where)) for pair in pairs]
            if [] in results:
                continue
            alike = [found for found, one in zip(results, known, strict=True) if _kind(one) == _kind(each)]
            if alike:
                yield from min(alike, key=len)
            else:
                verb = "may now be" if self.side == "reader" else "may no longer be"
                yield f"{where}: {verb} {_kind(each)}"

    def _plain_changes(self, was: Document, now: Document, where: str) -> Iterator[str]:
        if _kind(was) != _kind(now) and not self._fits(was, now):
            yield f"{where}: was {_kind(was)}, is {_kind(now)}"
            return
        yield from self._word_changes(was, now, where)
        if self.side == "writer":
            yield from _bound_changes(was, now, where)
        yield from self._property_changes(was, now, where)
        if isinstance(was.get("items"), dict) and isinstance(now.get("items"), dict):
            yield from self.changes(was["items"], now["items"], f"{where}[]")
        yield from self._extra_changes(was.get("additionalProperties", True), now, where)

    def _fits(self, was: Document, now: Document) -> bool:
        """Tell whether a difference of kind harms nobody: narrower for a reader, wider for a writer."""
        narrow, wide = (now, was) if self.side == "reader" else (was, now)
        if _kind(wide) == "anything":
            return True
        types = {narrow.get("type"), wide.get("type")}
        if types == {"integer", "number"}:
            return narrow.get("type") == "integer"
        return len(types) == 1 and "format" not in wide

    def _word_changes(self, was: Document, now: Document, where: str) -> Iterator[str]:
        old_words, new_words = _words(was), _words(now)
        if self.side == "reader" and old_words is not None:
            if new_words is None:
                yield f"{where}: was one of a list of words, may now be any"
            else:
                yield from (f"{where}: may now be {word!r}" for word in sorted(new_words - old_words, key=str))
        if self.side == "writer" and new_words is not None:
            if old_words is None:
                yield f"{where}: could be anything, must now be one of a list of words"
            else:
                yield from (f"{where}: may no longer be {word!r}" for word in sorted(old_words - new_words, key=str))

    def _property_changes(self, was: Document, now: Document, where: str) -> Iterator[str]:
        old, new = was.get("properties", {}), now.get("properties", {})
        old_required, new_required = set(was.get("required", ())), set(now.get("required", ()))
        for name in old:
            if name not in new:
                yield f"{where}.{name}: is gone"
            elif self.side == "reader" and name in old_required - new_required:
                yield f"{where}.{name}: was always there, may now be missing"
            if name in new:
                yield from self.changes(old[name], new[name], f"{where}.{name}")
        if self.side == "writer":
            for name in sorted(new_required - old_required):
                yield f"{where}.{name}: is required now"

    def _extra_changes(self, extra: Any, now: Document, where: str) -> Iterator[str]:
        """Compare what may stand beside the named properties: maps, and writers' unknown fields."""
        new_extra = now.get("additionalProperties", True)
        if self.side == "writer" and extra is not False and new_extra is False and now.get("type") == "object":
            yield f"{where}: unknown fields are refused now"
        elif isinstance(extra, dict) and isinstance(new_extra, dict):
            yield from self.changes(extra, new_extra, f"{where}.*")
        elif self.side == "reader" and isinstance(extra, dict) and new_extra is True:
            yield f"{where}.*: may now be anything"


def resolve(document: Document, part: Any) -> Any:
    """Follow ``$ref`` within the document, to the part it stands for."""
    while isinstance(part, dict) and "$ref" in part:
        target: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def _alternatives(document: Document, schema: Any) -> list[Document]:
    """Return what a value may be, as plain schemas: unions and lists of types taken apart, ``$ref`` followed."""
    schema = resolve(document, schema)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return [plain for each in schema[union] for plain in _alternatives(document, each)]
    if len(schema.get("allOf", ())) == 1:
        return _alternatives(document, schema["allOf"][0])
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": each} for each in schema["type"]]
    return [schema]


def _kind(schema: Document) -> str:
    """Name what a plain schema describes: its type, with its format where it has one."""
    words = _words(schema) or set()
    kind = schema.get("type") or ("string" if words and all(isinstance(each, str) for each in words) else "anything")
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _words(schema: Document) -> set[Any] | None:
    """Return the values a schema is limited to, or None where it is not."""
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _bound_changes(was: Document, now: Document, where: str) -> Iterator[str]:
    """Yield what a writer may no longer send."""
    for bound in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
        if bound not in now:
            continue
        tighter = bound not in was or (now[bound] > was[bound] if bound in _LOWER_BOUNDS else now[bound] < was[bound])
        if tighter:
            yield f"{where}: {bound} was {was.get(bound, 'not set')}, is {now[bound]}"
    if "pattern" in now and now["pattern"] != was.get("pattern"):
        yield f"{where}: has to match {now['pattern']} now"
