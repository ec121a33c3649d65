"""Run CPython's tests of asyncio on a loop, and print what passed."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.cpython import expectations, runner, suite, swap, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_AVAILABLE = 5
"""Exit status where the interpreter has no test package."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests as the command line says; return 0 when everything is as expected."""
    options = _parser().parse_args(arguments)
    if not suite.is_available():
        print(suite.HOW_TO_GET)
        return NOT_AVAILABLE
    entries = [] if options.everything else expectations.read()
    left_out = [entry for entry in entries if entry.kind == "left out"]
    differences = [entry for entry in entries if entry.kind == "difference" and options.loop == "loop_selector"]
    found = suite.load()
    chosen = _chosen(found.tests, options.select)
    ids = [test for tests in chosen.values() for test in tests]
    omitted = {test for test in ids if any(entry.matches(test) for entry in left_out)}
    wanted = {module: [test for test in tests if test not in omitted] for module, tests in chosen.items()}
    settings = runner.Settings(options.loop, options.jobs, options.limit)
    outcomes = runner.run(wanted, settings, print if options.verbose else lambda _: None)
    bad = [outcome for outcome in outcomes.values() if outcome.failed and not _listed(outcome.test, differences)]
    outcomes.update(runner.retry(bad, settings))
    verdict = table.judge(outcomes, omitted, differences)
    if not options.select:
        verdict.stale = [e.test for e in entries if not any(e.matches(test) for test in ids)]
    if options.report:
        _write_report(Path(options.report), outcomes)
    print(explanation) if (explanation := table.explain(verdict)) else None
    print(table.table(verdict, f"{platform.python_version()} {options.loop}"))
    return 0 if verdict.good else 1


def _chosen(tests: Mapping[str, list[str]], patterns: Sequence[str]) -> dict[str, list[str]]:
    """Keep the tests that one of the words occurs in; without words, all."""
    if not patterns:
        return dict(tests)
    kept = {name: [t for t in ids if any(word in t for word in patterns)] for name, ids in tests.items()}
    return {name: ids for name, ids in kept.items() if ids}


def _listed(test: str, entries: list[expectations.Entry]) -> bool:
    return any(entry.matches(test) for entry in entries)


def _write_report(file: Path, outcomes: Mapping[str, runner.Outcome]) -> None:
    lines = [json.dumps(asdict(outcome)) for _, outcome in sorted(outcomes.items())]
    file.write_text("".join(f"{line}\n" for line in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.cpython", description=__doc__)
    parser.add_argument("select", nargs="*", help="only tests whose name contains one of these words")
    parser.add_argument("--loop", choices=swap.LOOPS, default=swap.LOOPS[0])
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--limit", type=float, default=60, help="seconds that one test may take (default: 60)")
    parser.add_argument("--everything", action="store_true", help="run also what differences.toml leaves out")
    parser.add_argument("--report", metavar="FILE", help="write what became of each test, a line of JSON each")
    parser.add_argument("-v", "--verbose", action="store_true", help="say when each part is done")
    return parser


if __name__ == "__main__":
    sys.exit(main())
