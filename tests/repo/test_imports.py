"""Who may import whom is checked by a tool, and the tool finds what it should."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVICE = """\
name: {name}
summary: A service made up for this test.
"""
MODULES = {
    "services/chassis/src/chassis/{}.py": ["__init__", "clock", "errors", "web"],
    "services/stock/src/stock/{}.py": ["__init__", "main", "events"],
    "services/stock/src/stock/api/{}.py": ["__init__", "items"],
    "services/stock/src/stock/data/{}.py": ["__init__", "items"],
    "services/stock/src/stock/domain/{}.py": ["__init__", "items"],
    "services/sales/src/sales/{}.py": ["__init__", "main"],
    "services/sales/src/sales/domain/{}.py": ["__init__", "orders"],
    "local/src/tradewind/{}.py": ["__init__", "main"],
}
STOCK = "services/stock/src/stock"
ALLOWED = {
    f"{STOCK}/main.py": "import stock.api.items, stock.data.items, chassis.web",
    f"{STOCK}/api/items.py": "import stock.domain.items, fastapi",
    f"{STOCK}/data/items.py": "import stock.events, stock.domain.items, sqlalchemy",
    f"{STOCK}/events.py": "import stock.domain.items, pydantic",
    f"{STOCK}/domain/items.py": "import datetime, chassis.errors, chassis.clock",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository of two small services that keeps every rule."""
    for pattern, names in MODULES.items():
        for name in names:
            path = tmp_path / pattern.format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
    for name in ("stock", "sales"):
        (tmp_path / f"services/{name}/service.yaml").write_text(SERVICE.format(name=name))
    for module, line in ALLOWED.items():
        (tmp_path / module).write_text(f"{line}\n")
    return tmp_path


def lint(root: Path, tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "hack/imports.py"), "--root", str(tree)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


def test_tree_that_keeps_the_rules_passes(root: Path, tree: Path) -> None:
    linted = lint(root, tree)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("path", "line", "broken"),
    [
        (f"{STOCK}/domain/items.py", "import stock.data.items", "layers of stock"),
        (f"{STOCK}/domain/items.py", "import fastapi", "domain of stock"),
        (f"{STOCK}/domain/items.py", "import chassis.web", "domain of stock"),
        (f"{STOCK}/api/items.py", "import stock.data.items", "layers of stock"),
        (f"{STOCK}/data/items.py", "import stock.api.items", "layers of stock"),
        (f"{STOCK}/events.py", "import stock.data.items", "layers of stock"),
        (f"{STOCK}/api/items.py", "import stock.main", "layers of stock"),
        (f"{STOCK}/api/items.py", "import sales.domain.orders", "services know nothing of each other"),
        ("local/src/tradewind/main.py", "import stock.main", "services know nothing of each other"),
        ("services/chassis/src/chassis/web.py", "import stock.main", "the chassis knows no service"),
        ("services/chassis/src/chassis/errors.py", "import fastapi", "what domains may import needs no framework"),
    ],
    ids=lambda value: value.replace("/", ".") if isinstance(value, str) else None,
)
def test_planted_import_is_caught(root: Path, tree: Path, path: str, line: str, broken: str) -> None:
    (tree / path).write_text(f"{line}\n")
    linted = lint(root, tree)
    assert linted.returncode == 1
    assert f"{broken} BROKEN" in linted.stdout


def test_repository_keeps_the_rules(root: Path) -> None:
    linted = lint(root, root)
    assert linted.returncode == 0, linted.stdout


# Import-linter cannot see through a package's `__init__`; only an interpreter knows what really gets loaded.
FRAMEWORKS = {"fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "httpx", "aiohttp", "nats", "structlog"}
LOAD = """
import importlib, pkgutil, sys
domain = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(domain.__path__, domain.__name__ + "."):
    importlib.import_module(module.name)
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded_with(package: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", LOAD, package], capture_output=True, text=True, check=True, timeout=60
    )
    return set(shown.stdout.split())


def test_importing_a_domain_loads_no_framework(services: list[str]) -> None:
    loaded = {service: loaded_with(f"{service}.domain") & FRAMEWORKS for service in services}
    assert loaded == {service: set() for service in services}


def test_importing_an_api_loads_its_framework() -> None:
    assert "fastapi" in loaded_with("customers.api")


def test_chassis_package_itself_is_empty(root: Path) -> None:
    assert (root / "services/chassis/src/chassis/__init__.py").read_text() == ""


def test_journeys_import_no_code_of_ours(root: Path, services: list[str]) -> None:
    ours = {"chassis", "tradewind", *services}
    for path in root.glob("tests/e2e/journeys/**/*.py"):
        words = {line.split()[1].partition(".")[0] for line in path.read_text().splitlines() if is_import(line)}
        assert not words & ours, path


def is_import(line: str) -> bool:
    return line.lstrip().startswith(("import ", "from "))
