"""The documents lead somewhere: links, commands, and a page for every problem."""

import importlib
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import BaseModel

from chassis.commands import main as chassis
from chassis.errors import ServiceError
from chassis.problems import status_of
from tradewind.main import cli as tradewind

LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)|!\[[^]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
MAKE = re.compile(r"\bmake ((?:[a-z][a-z0-9-]* ?)+)")
# Not the namespace of that name, and not the release.
TRADEWIND = re.compile(r"(?<!-n )(?<!namespace )\btradewind ([a-z][a-z-]+)\b(?!/)")
METRIC = re.compile(r"\btradewind_[a-z_]+")
SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:__[A-Z0-9_]+)+\b")
CHASSIS = re.compile(r"python -m chassis ([a-z][a-z-]+)")


@pytest.fixture(scope="module")
def pages(tracked: list[Path]) -> list[Path]:
    return [path for path in tracked if path.suffix == ".md"]


def anchors(text: str) -> set[str]:
    """The names that headings get in a rendered page."""
    titles = (re.sub(r"[`*_]|\[([^]]*)\]\([^)]*\)", r"\1", found) for found in HEADING.findall(FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(page: Path) -> Iterator[str]:
    for inline, image in LINK.findall(FENCE.sub("", page.read_text())):
        target = inline or image
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there.read_text())):
            yield target


def test_links_in_documents_lead_somewhere(pages: list[Path], root: Path) -> None:
    dead = {str(page.relative_to(root)): list(dead_links(page)) for page in pages}
    assert {page: links for page, links in dead.items() if links} == {}


def test_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](gone.md) [b](#one) [c](#two) [d](page.md#one)\n```\n[e](code.md)\n```\n")
    assert list(dead_links(page)) == ["gone.md", "#two"]


def code_in(pages: list[Path]) -> str:
    """Everything the documents show as code."""
    text = "\n".join(page.read_text() for page in pages)
    return "\n".join([*FENCE.findall(text), *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))])


def test_make_targets_in_documents_exist(pages: list[Path], root: Path) -> None:
    phony = re.findall(r"^\.PHONY:(.*)$", (root / "Makefile").read_text(), re.MULTILINE)
    targets = {target for line in phony for target in line.split()}
    named = {word for found in MAKE.findall(code_in(pages)) for word in found.split()}
    assert named - targets == set()
    assert {"run", "test"} <= named


def test_every_make_target_of_help_exists(root: Path) -> None:
    shown = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True)
    assert {"run", "test", "check", "bench", "fuzz", "e2e"} <= set(
        re.findall(r"^  ([a-z0-9-]+) ", shown.stdout, re.MULTILINE)
    )


def commands_of(group: click.Group) -> set[str]:
    return set(group.list_commands(click.Context(group)))


def test_tradewind_commands_in_documents_exist(pages: list[Path]) -> None:
    assert set(TRADEWIND.findall(code_in(pages))) - commands_of(tradewind) == set()


def test_chassis_commands_in_documents_exist(
    pages: list[Path], services: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known: set[str] = set()
    for service in services:
        monkeypatch.setenv("SERVICE", service)
        known |= commands_of(chassis)
    assert set(CHASSIS.findall(code_in(pages))) - known == set()


def test_metrics_in_documents_exist(pages: list[Path], tracked: list[Path]) -> None:
    code = "".join(path.read_text() for path in tracked if path.suffix == ".py" and "src" in path.parts)
    assert [name for name in set(METRIC.findall(code_in(pages))) if f'"{name}"' not in code] == []


def test_settings_in_documents_exist(pages: list[Path], services: list[str]) -> None:
    known = {name for service in services for name in settings_of(importlib.import_module(f"{service}.main").Settings)}
    assert "DATABASE__URL" in known
    known |= {f"{group}__{service.upper()}" for group in ("CLIENTS", "PEERS") for service in services}
    assert [name for name in set(SETTING.findall(code_in(pages))) if name not in known] == []


def settings_of(model: type[BaseModel]) -> Iterator[str]:
    """The names of a service's settings, as the environment has them."""
    for name, field in model.model_fields.items():
        yield name.upper()
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from (f"{name.upper()}__{inner}" for inner in settings_of(part))


@pytest.fixture(scope="module")
def problems(services: list[str]) -> dict[str, set[tuple[int, str]]]:
    """Status and title of every problem there is, by code, from the code itself."""
    for package in ("chassis", *services):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found: dict[str, set[tuple[int, str]]] = {}
    # Tests define errors of their own; those promise nobody anything.
    for kind in (each for each in _below(ServiceError) if each.__module__.partition(".")[0] in {"chassis", *services}):
        found.setdefault(kind.code, set()).add((status_of(kind), kind.title))
    return found


def _below(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def test_every_problem_has_a_page_and_every_page_a_problem(
    root: Path, problems: dict[str, set[tuple[int, str]]]
) -> None:
    assert {path.stem for path in root.glob("docs/problems/*.md")} - {"README"} == problems.keys()


def test_a_problem_has_one_title_and_one_status(problems: dict[str, set[tuple[int, str]]]) -> None:
    assert {code: found for code, found in problems.items() if len(found) > 1} == {}


def test_a_problems_page_says_what_its_answer_says(root: Path, problems: dict[str, set[tuple[int, str]]]) -> None:
    for code, found in problems.items():
        [(status, title)] = found
        page = (root / f"docs/problems/{code}.md").read_text()
        assert page.startswith(f"# {title}\n\n`{code}` · {status}\n"), code


def test_list_of_problems_is_complete(root: Path, problems: dict[str, set[tuple[int, str]]]) -> None:
    listed = (root / "docs/problems/README.md").read_text()
    for code, [(status, title)] in problems.items():
        assert f"| [{code}]({code}.md) | {status} | {title} |" in listed
