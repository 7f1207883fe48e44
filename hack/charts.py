#!/usr/bin/env python3
"""Write each chart's ``values.schema.json`` and ``README.md``, from the comments of its ``values.yaml``.

``make generate`` runs it; with ``--check`` it writes nothing, shows what would change and fails if anything would.
What a comment above a value may say::

    # -- What it is for, in plain words; the next lines go on.
    # @enum ClusterIP, NodePort
    # @schema {minimum: 1}          YAML, over what is inferred from the default; several such lines are one document

A value's type is its default's. A group is closed, so that a misspelt name is refused, unless its ``@schema`` says what
else may be in it (``additionalProperties``). The README lists every value with a ``# --``; one without is a mistake,
unless a group above it has one. A service's chart has the values of the library besides its own (``import-values``).
"""

import argparse
import copy
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from generated import bring_up

LIBRARY = "common"
DRAFT = "http://json-schema.org/draft-07/schema#"

_QUANTITIES = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"requests": _QUANTITIES, "limits": _QUANTITIES},
    },
    "nodeSelector": {"type": "object", "additionalProperties": {"type": "string"}},
    "tolerations": {"type": "array", "items": {"type": "object"}},
    "affinity": {"type": "object"},
}
"""What Kubernetes says these look like, whatever a chart's default is."""
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


@dataclass
class Value:
    """One value of a chart: its default, and what the comment above it says. A group has ``members``."""

    default: Any
    about: str = ""
    schema: dict[str, Any] = field(default_factory=dict)
    members: dict[str, "Value"] | None = None

    def over(self, base: "Value") -> "Value":
        """Return ``base`` with what this one says instead."""
        members = self.members
        if members is not None and base.members is not None:
            members = copy.deepcopy(base.members)
            for name, own in (self.members or {}).items():
                members[name] = own.over(members[name]) if name in members else own
        default = {name: each.default for name, each in members.items()} if members is not None else self.default
        return Value(default, self.about or base.about, {**base.schema, **self.schema}, members)


def main() -> int:
    """Write or check the generated files.

    Returns:
        0; 1 if ``--check`` found a file that is not current; 2 if a ``values.yaml`` does not say enough.
    """
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="write nothing; fail if a file is not current")
    options.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help=argparse.SUPPRESS)
    chosen = options.parse_args()
    try:
        files = dict(generated(chosen.root))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return bring_up(chosen.root, files, check=chosen.check, task="generate-charts")


def generated(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield what each chart that can be installed should have: paths below the root, and texts.

    Raises:
        ValueError: A value has no comment, or one that is no YAML.
    """
    library = read(root / f"charts/{LIBRARY}/values.yaml")
    shared = _descend(library, "exports", "service")
    for path in sorted(root.glob("charts/*/Chart.yaml")):
        chart = yaml.safe_load(path.read_text())
        if chart.get("type") == "library":
            continue
        own = read(path.with_name("values.yaml"))
        for export in _imported(chart):
            own = own.over(_descend(library, "exports", export))
        folder = path.parent.relative_to(root)
        _check_told(folder, own)
        yield folder / "values.schema.json", render_schema(chart, own, _descend(shared, "global"))
        yield folder / "README.md", render_readme(chart, own)


def _imported(chart: Mapping[str, Any]) -> Iterator[str]:
    for dependency in chart.get("dependencies", []):
        if dependency["name"] == LIBRARY:
            yield from dependency.get("import-values", [])


def _descend(value: Value, *names: str) -> Value:
    for name in names:
        value = (value.members or {})[name]
    return value


def read(path: Path) -> Value:
    """Read a ``values.yaml`` with its comments.

    Raises:
        ValueError: A comment's ``@schema`` is no YAML mapping.
    """
    text = path.read_text()
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return Value({}, members={})
    loader = yaml.SafeLoader("")
    try:
        return _value(node, text.splitlines(), loader, "")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    finally:
        loader.dispose()


def _value(node: yaml.Node, lines: list[str], loader: yaml.SafeLoader, comment: str) -> Value:
    about, schema = _parse(comment)
    default = loader.construct_object(node, deep=True)
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return Value(default, about, schema)
    members = {
        key.value: _value(each, lines, loader, _comment_above(key, lines) if not node.flow_style else "")
        for key, each in node.value
    }
    return Value(default, about, schema, members)


def _comment_above(key: yaml.Node, lines: list[str]) -> str:
    """Return the comment that ends in the line before a key, without its marks."""
    found: list[str] = []
    for line in reversed(lines[: key.start_mark.line]):
        if not line.strip().startswith("#"):
            break
        found.insert(0, line.strip().removeprefix("#").removeprefix(" "))
    return "\n".join(found)


def _parse(comment: str) -> tuple[str, dict[str, Any]]:
    about: list[str] = []
    schema: list[str] = []
    described: dict[str, Any] = {}
    for line in comment.splitlines():
        if line.startswith("@enum "):
            described["enum"] = [word.strip() for word in line.removeprefix("@enum ").split(",")]
        elif line.startswith("@schema "):
            schema.append(line.removeprefix("@schema "))
        elif line.startswith("-- "):
            about = [line.removeprefix("-- ")]
        elif about:
            about.append(line)
    try:
        more = yaml.safe_load("\n".join(schema)) if schema else {}
    except yaml.YAMLError as error:
        raise ValueError(f"this @schema is no YAML: {schema}") from error
    if not isinstance(more, dict):
        raise ValueError(f"this @schema is no mapping: {schema}")  # noqa: TRY004 - what is wrong is in a file
    return " ".join(about).strip(), {**described, **more}


def _check_told(folder: Path, values: Value) -> None:
    for path, value in _leaves(values):
        if not value.about:
            raise ValueError(f"{folder}/values.yaml: {path} has no comment `# -- …` that says what it is for.")


def _leaves(value: Value, path: str = "") -> Iterator[tuple[str, Value]]:
    """Yield what the README lists: each value with a comment of its own, and each that is no group."""
    for name, each in (value.members or {}).items():
        inner = f"{path}.{name}" if path else name
        if each.about or not each.members:
            yield inner, each
        else:
            yield from _leaves(each, inner)


def render_schema(chart: Mapping[str, Any], values: Value, shared: Value) -> str:
    """Return the schema: closed, but for what an umbrella adds and for its subcharts, which have their own.

    Args:
        chart: The Chart.yaml.
        values: The chart's.
        shared: What `global` may hold in any chart.
    """
    own = values.members or {}
    everywhere = own["global"].over(shared) if "global" in own else shared
    properties = {
        "global": _opened(schema_of("global", everywhere)),
        "enabled": {"type": "boolean", "description": "For an umbrella chart."},
        LIBRARY: {"type": "object", "description": "For Helm, which puts the library's values here."},
    }
    subcharts = {each.get("alias", each["name"]) for each in chart.get("dependencies", [])} - {LIBRARY}
    for name, each in own.items():
        if name in subcharts:
            properties[name] = {"type": "object", "description": f"Values of the chart {name}."}
        elif name != "global":
            properties[name] = schema_of(name, each)
    document = {
        "$schema": DRAFT,
        "title": f"Values of the chart {chart['name']}",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def schema_of(name: str, value: Value) -> dict[str, Any]:
    """Return the schema of one value: its comment's word, before the shape by its name, before its default's type."""
    schema: dict[str, Any] = {"description": value.about} if value.about else {}
    if name in _SHAPES:
        return {**schema, **copy.deepcopy(dict(_SHAPES[name])), **value.schema}
    if isinstance(value.default, dict):
        schema["type"] = "object"
        if value.members and "additionalProperties" not in value.schema:
            schema["additionalProperties"] = False
            schema["properties"] = {key: schema_of(key, each) for key, each in value.members.items()}
    elif value.default is not None:
        schema["type"] = _TYPES[type(value.default)]
    return {**schema, **value.schema}


def _opened(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose groups take other members too: all charts of an umbrella see the same `global`."""
    found = {name: each for name, each in schema.items() if name != "additionalProperties"}
    if "properties" in found:
        found["properties"] = {name: _opened(each) for name, each in found["properties"].items()}
    return found


def render_readme(chart: Mapping[str, Any], values: Value) -> str:
    """Return the README: what the chart is, how it is installed, and a table of its values."""
    name = chart["name"]
    lines = [
        f"# {name}",
        "",
        chart["description"],
        "",
        f"Version {chart['version']}; Kubernetes {chart['kubeVersion'].removesuffix('-0')}.",
        "",
        "<!-- Generated by hack/charts.py from Chart.yaml and the comments of values.yaml; `make generate-charts`. -->",
        "",
        "```sh",
        "make charts-deps",
        f"helm upgrade --install {name} charts/{name} --namespace <namespace> --values <your values>",
        "```",
        "",
        "What goes into `<your values>`: any of these. The schema refuses what is not here.",
        "",
        "| value | default | what it is |",
        "|---|---|---|",
        *(f"| `{path}` | {_shown(each.default)} | {_cell(_described(each))} |" for path, each in _leaves(values)),
    ]
    return "\n".join(lines) + "\n"


def _described(value: Value) -> str:
    choices = value.schema.get("enum")
    return f"{value.about} One of: {', '.join(f'`{each}`' for each in choices)}." if choices else value.about


def _shown(default: Any) -> str:
    if default in ("", None, [], {}):
        return ""
    text = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    """A table's cell ends at a bar."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    raise SystemExit(main())
