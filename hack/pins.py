"""Check that requirements/ says what the pyprojects say: `make verify` runs it, and it asks no registry.

Every direct dependency is pinned exactly, the same everywhere; each requirements file holds the pins of its
distributions, with hashes; and one resolution holds for all files. What is wrong is printed, a line each.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "tradewind-"
EVERYTHING = "dev"


@dataclass(frozen=True)
class Pin:
    """One direct dependency, and the pyproject that asks for it."""

    source: str
    requirement: Requirement

    @property
    def name(self) -> str:
        """The package's normalised name."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str | None:
        """The one version asked for; None where it is no exact pin."""
        specifiers = list(self.requirement.specifier)
        exact = len(specifiers) == 1 and specifiers[0].operator == "=="
        return specifiers[0].version if exact else None


def main() -> int:
    """Print what is wrong; 0 when nothing is."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help=argparse.SUPPRESS)
    wrong = list(problems(options.parse_args().root))
    for sentence in wrong:
        sys.stderr.write(f"{sentence}\n")
    if wrong:
        sys.stderr.write("`make requirements` compiles the requirements anew.\n")
    return 1 if wrong else 0


def problems(root: Path) -> Iterator[str]:
    """Say what does not fit together, a sentence each."""
    wanted = wanted_pins(root)
    compiled = {path.stem: read_compiled(path) for path in sorted(root.glob("requirements/*.txt"))}
    yield from (f"requirements/{name}.txt is missing" for name in wanted.keys() - compiled.keys())
    yield from (f"requirements/{name}.txt belongs to nothing" for name in compiled.keys() - wanted.keys())
    yield from _loose_pins(wanted)
    for name in sorted(wanted.keys() & compiled.keys()):
        yield from _missing_pins(name, wanted[name], compiled[name])
    for name in sorted(compiled.keys() - {EVERYTHING}):
        yield from _strays(name, compiled[name], compiled.get(EVERYTHING, {}))


def _loose_pins(wanted: dict[str, list[Pin]]) -> Iterator[str]:
    versions: dict[str, Pin] = {}
    for pin in {(pin.source, str(pin.requirement)): pin for pins in wanted.values() for pin in pins}.values():
        if pin.version is None:
            yield f"{pin.source}: {pin.requirement} is not an exact pin"
        elif (first := versions.setdefault(pin.name, pin)).version != pin.version:
            yield f"{pin.source} wants {pin.requirement}, {first.source} wants {first.version}"


def _missing_pins(name: str, pins: list[Pin], compiled: dict[str, str]) -> Iterator[str]:
    for pin in pins:
        has = compiled.get(pin.name, "not at all")
        if pin.version not in (None, has):
            yield f"requirements/{name}.txt has {pin.name} {has}, {pin.source} wants {pin.version}"


def _strays(name: str, compiled: dict[str, str], everything: dict[str, str]) -> Iterator[str]:
    for package, version in compiled.items():
        if everything.get(package) != version:
            yield f"requirements/{name}.txt has {package} {version}, requirements/dev.txt has {everything.get(package)}"


def wanted_pins(root: Path) -> dict[str, list[Pin]]:
    """Return the direct dependencies that each requirements file has to hold."""
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    group = {name: [Pin("pyproject.toml", Requirement(each)) for each in listed] for name, listed in groups.items()}
    chassis = _project(root / "services/chassis/pyproject.toml")
    services = sorted(path.parent.name for path in root.glob("services/*/service.yaml"))
    by_service = {each: _with_chassis(root, f"services/{each}/pyproject.toml", chassis) for each in services}
    run = [
        *(pin for pins in by_service.values() for pin in pins),
        *_with_chassis(root, "local/pyproject.toml", chassis),
        *group["build"],
    ]
    return {"build": group["build"], "run": run, EVERYTHING: [*run, *group["dev"]], **by_service}


def _project(path: Path) -> dict[str, Any]:
    return dict(tomllib.loads(path.read_text())["project"])


def _with_chassis(root: Path, source: str, chassis: dict[str, Any]) -> list[Pin]:
    """Return a distribution's own pins, and those of the chassis with the extras it asks for."""
    pins = [Pin(source, Requirement(each)) for each in _project(root / source)["dependencies"]]
    extras = {extra for pin in pins if pin.name == f"{OURS}chassis" for extra in pin.requirement.extras}
    listed = [
        *chassis["dependencies"],
        *(each for extra in sorted(extras) for each in chassis["optional-dependencies"][extra]),
    ]
    found = [*pins, *(Pin("services/chassis/pyproject.toml", Requirement(each)) for each in listed)]
    return [pin for pin in found if not pin.name.startswith(OURS)]


def read_compiled(path: Path) -> dict[str, str]:
    """Return the versions a compiled file pins, by normalised name.

    Raises:
        ValueError: A pin has no hash, or a line is none of the three kinds: pin, hash, comment.
    """
    versions: dict[str, str] = {}
    unhashed = None
    for line in path.read_text().splitlines():
        text = line.strip().removesuffix("\\").strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("--hash=sha256:"):
            unhashed = None
            continue
        pin = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+?)(?: ; .*)?", text)
        if pin is None or unhashed:
            raise ValueError(f"{path}: {unhashed or text} is not a hashed pin")
        unhashed = text
        versions[canonicalize_name(pin[1])] = pin[2]
    if unhashed:
        raise ValueError(f"{path}: {unhashed} is not a hashed pin")
    return versions


if __name__ == "__main__":
    sys.exit(main())
