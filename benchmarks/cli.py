"""The command line."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from benchmarks import compiling, machine
from benchmarks.cases import CASES
from benchmarks.contestants import COMPILED, CONTESTANTS, FLOOR, OURS
from benchmarks.measuring import Bench
from benchmarks.picture import draw
from benchmarks.results import CaseResult, Run
from benchmarks.rounds import Counts, run_case
from benchmarks.table import cost, missed, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.case import Case

_BUSY = 0.7


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure what a request costs on each loop.")
    parser.add_argument("--case", action="append", metavar="GLOB", help="run these cases only; can be repeated")
    parser.add_argument("--on", metavar="NAMES", help="these contestants only, separated by commas")
    parser.add_argument("--rounds", type=int, metavar="N", help="measure each that many times (default 5)")
    parser.add_argument("--minutes", type=float, metavar="M", help="make fewer rounds rather than take longer (15)")
    parser.add_argument("--scale", type=float, metavar="F", help="multiply the number of requests (default 1)")
    parser.add_argument(
        "--quick", action="store_true", help="3 rounds, a quarter of the requests, no strace, 3 minutes"
    )
    parser.add_argument("--python", metavar="PATHS", help="interpreters, separated by commas; one table for each")
    parser.add_argument(
        "--compiled",
        metavar="PATHS",
        help="interpreters that have the compiled build, separated by commas: one more column beside the same Python",
    )
    parser.add_argument("--no-strace", action="store_true", help="do not count system calls")
    parser.add_argument("--instructions", action="store_true", help="count machine instructions with valgrind (slow)")
    parser.add_argument("--calls", action="store_true", help="count the functions that Python calls")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the ratios of the last interpreter there")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; the result is 1 if something of ours failed, however slow or fast it was."""
    told = parser().parse_args(arguments)
    cases = _chosen(told.case or ["*"])
    if told.list:
        for case in cases:
            print(f"{case.name:20} {case.about} ({case.count} x {case.unit})")
        return 0
    described = machine.describe()
    print(", ".join(f"{name} {value}" for name, value in described.items()))
    if described["load average"] > _BUSY:
        print("The machine is busy: compare ratios, not figures.", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        runs = [_run(told, python, cases, Path(folder)) for python in (told.python or sys.executable).split(",")]
    _write(told, described, runs)
    return int(any(_ours_failed(run) for run in runs))


def _chosen(globs: list[str]) -> list[Case]:
    cases = [case for case in CASES.values() if any(fnmatch.fnmatch(case.name, glob) for glob in globs)]
    if not cases:
        raise SystemExit(f"expected the name of a case or a pattern, got {' '.join(globs)!r}; see --list")
    return cases


def _run(told: argparse.Namespace, python: str, cases: Sequence[Case], folder: Path) -> Run:
    version, versions = machine.python_version(python)
    compiled = _compiled(told, version)
    if compiled is not None:
        versions[COMPILED] = "compiled: " + ", ".join(machine.compiled_modules(compiled))
    run = Run(f"Python {version}", versions)
    with suppress(KeyboardInterrupt):  # what has been measured by then is shown
        for result in _results(told, _bench(told, python, compiled, folder), cases):
            run.results.append(result)
    if run.results:
        print("\n" + "\n".join(tables(run)))
        print(f"\nAims missed: {missed(run)}", flush=True)
    return run


def _compiled(told: argparse.Namespace, version: str) -> str | None:
    """Choose the interpreter with the compiled build that is of a version; another one would compare Pythons."""
    offered = (told.compiled or "").split(",")
    return next((path for path in offered if path and machine.python_version(path)[0] == version), None)


def _results(told: argparse.Namespace, bench: Bench, cases: Sequence[Case]) -> Iterator[CaseResult]:
    """Run the cases, each in its share of the time that is left, and say how far it is."""
    counts = Counts(not (told.quick or told.no_strace), told.instructions, told.calls)
    rounds = told.rounds or (3 if told.quick else 5)
    end = time.monotonic() + 60 * (told.minutes or (3 if told.quick else 15))
    for number, case in enumerate(cases):
        started = time.monotonic()
        until = started + (end - started) / (len(cases) - number)
        result = run_case(bench, case, _contestants(told), rounds, counts, until)
        figures = "  ".join(f"{name} {cost(outcome)}" for name, outcome in result.outcomes.items() if outcome.samples)
        print(f"{case.name:18} {time.monotonic() - started:4.0f} s  {figures}", file=sys.stderr, flush=True)
        yield result


def _bench(told: argparse.Namespace, python: str, compiled: str | None, folder: Path) -> Bench:
    certificate = folder / "certificate.pem"
    issued = trustme.CA().issue_cert("127.0.0.1", "localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    scale = told.scale or (0.25 if told.quick else 1.0)
    return Bench(python, compiled, compiling.build(folder), certificate, machine.processors(), scale)


def _contestants(told: argparse.Namespace) -> list[str]:
    known = [*CONTESTANTS, *([COMPILED] if told.compiled else []), FLOOR]
    wanted = told.on.split(",") if told.on else known
    unknown = set(wanted) - set(known)
    if unknown:
        raise SystemExit(f"expected contestants of {', '.join(known)}, got {', '.join(sorted(unknown))!r}")
    return [name for name in known if name in wanted]


def _write(told: argparse.Namespace, described: dict[str, object], runs: list[Run]) -> None:
    if told.json:
        everything = {"machine": described, "runs": [run.as_json() for run in runs]}
        told.json.write_text(json.dumps(everything, indent=1) + "\n")
    if told.svg:
        told.svg.write_text(draw(runs[-1], f"What each loop costs in ours, {runs[-1].python}"))


def _ours_failed(run: Run) -> bool:
    outcomes = (result.outcomes.get(name) for result in run.results for name in (OURS, COMPILED))
    return any(outcome is not None and outcome.failed is not None for outcome in outcomes)
