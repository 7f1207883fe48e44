"""``make bench``: measure Tradewind beside the bare libraries, keep the results, and write them into the documentation.

::

    python bench/run.py                      all rows, several minutes
    python bench/run.py --only gateway       one row (by its name in ``ROWS``)
    python bench/run.py --quick              short rounds, for a first impression; nothing is kept
    python bench/run.py --profile FOLDER     our programs' profiles into the folder; short rounds, nothing is kept
    python bench/run.py --table | --check    write, or only compare, the documentation's table of the kept results
"""

import argparse
import importlib
import os
import signal
import sys
import tempfile
from pathlib import Path

from bench import results
from bench.processes import CORES, PROFILES
from bench.results import Row
from bench.rounds import FULL, QUICK, Effort, say

ROWS = ("chassis-route", "read-by-id", "gateway", "outbox", "checkout", "flat-cost", "search", "hot-sku", "start-up")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return 1 when the documentation's table is not current."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that the processes of a row are stopped.
    if options.check:
        return 0 if _table_is_current() else 1
    if not options.table:
        if options.profile:
            options.profile.mkdir(parents=True, exist_ok=True)
            os.environ[PROFILES] = str(options.profile.absolute())
        measured = _measure(options.only or ROWS, QUICK if options.quick or options.profile else FULL)
        if options.quick or options.profile:
            return 0
        results.keep(measured)
    results.DOCUMENT.write_text(results.document_with(results.load(), results.DOCUMENT.read_text()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure Tradewind beside the bare libraries.")
    parser.add_argument("--only", action="append", choices=ROWS, help="measure this row (may be given again)")
    parser.add_argument("--quick", action="store_true", help="short rounds; keep nothing")
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="profile our programs; keep no results")
    parser.add_argument("--table", action="store_true", help="write the kept results into the documentation")
    parser.add_argument("--check", action="store_true", help="fail if the documentation shows other results")
    return parser


def _measure(rows: list[str] | tuple[str, ...], effort: Effort) -> list[Row]:
    say(f"{len(CORES)} cores; servers on core {CORES[0]}, load generator on core {CORES[-1]}")
    measured: list[Row] = []
    for name in rows:
        say(name)
        module = importlib.import_module(f"bench.rows.{name.replace('-', '_')}")
        with tempfile.TemporaryDirectory(prefix="tradewind-bench-") as folder:
            measured += module.measure(effort, Path(folder))
    for row in measured:
        say(row.sentence())
    return measured


def _table_is_current() -> bool:
    document = results.DOCUMENT.read_text()
    if document == results.document_with(results.load(), document):
        return True
    sys.stderr.write("docs/benchmarks.md does not show bench/results.json: run `python bench/run.py --table`.\n")
    return False


if __name__ == "__main__":
    sys.exit(main())
