"""A kind of import-linter contract: these packages import the standard library and what is named, nothing else."""

import sys
from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyImportsContract(Contract):
    """Allows a list of modules, where ``forbidden`` would have to name everything else.

    ``modules`` (packages included) may import themselves, the standard library and ``allowed``.
    """

    type_name = "only"

    # Declared as fields, read as what import-linter parses them into.
    modules: list[str] = fields.ListField(subfield=fields.StringField())  # type: ignore[assignment]
    allowed: list[str] = fields.ListField(subfield=fields.StringField())  # type: ignore[assignment]

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - import-linter's signature
        """Look at the direct imports; what those import is their own contract's business."""
        broken = sorted(set(self._forbidden(graph)))
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per import that is not allowed."""
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} is not allowed to import {imported}")

    def _forbidden(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        for package in self.modules:
            if package not in graph.modules:
                continue
            for module in (package, *graph.find_descendants(package)):
                for imported in graph.find_modules_directly_imported_by(module):
                    if not self._fine(package, imported):
                        yield module, imported

    def _fine(self, package: str, imported: str) -> bool:
        within = imported == package or imported.startswith(f"{package}.")
        return within or imported in self.allowed or imported.partition(".")[0] in sys.stdlib_module_names
