"""Check who imports whom: `make lint` runs it.

The contracts are made for whatever services there are, so that a new service is held to them without an edit here:

* inside a service, ``main > api | consumers | workers | clients | data > events > domain``; a further folder is an
  adapter like those of the middle, and none of these imports another;
* a domain imports the standard library and the modules of the chassis that are made for it, nothing else;
* services import neither each other nor the local runner, and the chassis imports no service.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from importlinter.cli import lint_imports

FOR_DOMAINS = [
    "chassis.card_numbers",
    "chassis.clock",
    "chassis.errors",
    "chassis.ids",
    "chassis.money",
    "chassis.spans",
]


def main() -> int:
    """Lint the repository; 0 when every contract is kept."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help=argparse.SUPPRESS)
    root = options.parse_args().root
    services = sorted(path.parent.name for path in root.glob("services/*/service.yaml"))
    # The checkout's own sources, wherever else packages of these names are installed.
    sys.path[:0] = [str(path) for path in (*root.glob("services/*/src"), *root.glob("local/src"))]
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(configuration(root, services, runner="tradewind" if (root / "local").exists() else None))
        file.flush()
        return lint_imports(config_filename=file.name, no_cache=True, no_logo=True)


def layers(package: Path) -> list[str]:
    """Return the layers of a service from the top; those in brackets may be absent."""
    named = {"main", "events", "domain", "__init__", "__pycache__"}
    beside = sorted({path.stem for path in package.iterdir() if path.suffix in ("", ".py")} - named)
    return ["(main)", *([" | ".join(f"({name})" for name in beside)] if beside else []), "(events)", "(domain)"]


def configuration(root: Path, services: list[str], *, runner: str | None) -> str:
    """Return import-linter's configuration, as TOML, for these services and the local runner."""
    packages = [*services, *([runner] if runner else [])]
    rules = [
        *(
            {
                "name": f"layers of {service}",
                "type": "layers",
                "containers": [service],
                "layers": layers(root / "services" / service / "src" / service),
            }
            for service in services
        ),
        {"name": "services know nothing of each other", "type": "independence", "modules": packages},
        {
            "name": "the chassis knows no service",
            "type": "forbidden",
            "source_modules": ["chassis"],
            "forbidden_modules": packages,
        },
        {
            "name": "what domains may import needs no framework",
            "type": "only",
            "modules": FOR_DOMAINS,
            "allowed": FOR_DOMAINS,
        },
        *(
            {"name": f"domain of {service}", "type": "only", "modules": [f"{service}.domain"], "allowed": FOR_DOMAINS}
            for service in services
        ),
    ]
    lines = [
        "[tool.importlinter]",
        f"root_packages = {['chassis', *packages]!r}",
        "include_external_packages = true",
        "contract_types = ['only: only_imports.OnlyImportsContract']",
    ]
    for rule in rules:
        lines += ["[[tool.importlinter.contracts]]", *(f"{name} = {value!r}" for name, value in rule.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
