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
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

NOT_AVAILABLE = 5
"""Exit status where the interpreter has no test package."""

RETRIES = 20
"""How many failed tests are worth a second try."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests as the command line says; return 0 when everything is as expected."""
    options = _parser().parse_args(arguments)
    if not suite.is_available():
        print(suite.HOW_TO_GET)
        return NOT_AVAILABLE
    entries = [] if options.everything else expectations.read(options.list)
    found = suite.load(options.select)
    ids = [test for tests in found.tests.values() for test in tests]
    if not ids:
        print(f"no test's name contains any of {options.select!r}")
        return 2
    omitted = {test for test in ids if _is_listed(test, [e for e in entries if e.kind == "left out"])}
    differences = [e for e in entries if e.kind == "difference" and options.loop == swap.LOOPS[0]]
    outcomes = _run(found.tests, omitted, differences, options)
    verdict = table.judge(outcomes, omitted, differences)
    if not options.select:
        verdict.stale = [entry.test for entry in entries if not any(map(entry.matches, ids))]
    return _report(verdict, outcomes, options)


def _run(
    tests: Mapping[str, list[str]], omitted: set[str], differences: list[expectations.Entry], options: Namespace
) -> dict[str, runner.Outcome]:
    """Run everything once, and what failed unexpectedly twice, unless that is too much to be chance."""
    settings = runner.Settings(options.loop, options.jobs, options.limit)
    wanted = {module: [test for test in ids if test not in omitted] for module, ids in tests.items()}
    outcomes = runner.run(wanted, settings, print if options.verbose else lambda _: None)
    failed = [outcome for outcome in outcomes.values() if outcome.failed and not _is_listed(outcome.test, differences)]
    return {**outcomes, **runner.retry(failed, settings)} if len(failed) <= RETRIES else outcomes


def _report(verdict: table.Verdict, outcomes: Mapping[str, runner.Outcome], options: Namespace) -> int:
    if options.report:
        lines = [json.dumps(asdict(outcome)) for _, outcome in sorted(outcomes.items())]
        Path(options.report).write_text("".join(f"{line}\n" for line in lines))
    if explanation := table.explain(verdict):
        print(explanation)
    print(table.table(verdict, f"{platform.python_version()} {options.loop}"))
    return 0 if verdict.good else 1


def _is_listed(test: str, entries: list[expectations.Entry]) -> bool:
    return any(entry.matches(test) for entry in entries)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.cpython", description=__doc__)
    parser.add_argument("select", nargs="*", help="only tests whose name contains one of these words")
    parser.add_argument("--loop", choices=swap.LOOPS, default=swap.LOOPS[0])
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--limit", type=float, default=60, help="seconds that one test may take (default: 60)")
    parser.add_argument("--list", type=Path, default=expectations.FILE, metavar="FILE", help="read another list")
    parser.add_argument("--everything", action="store_true", help="read no list, run also what it leaves out")
    parser.add_argument("--report", metavar="FILE", help="write what became of each test, a line of JSON each")
    parser.add_argument("-v", "--verbose", action="store_true", help="say when each part is done")
    return parser


if __name__ == "__main__":
    sys.exit(main())
