"""Run the cases in rounds in which every contestant has its turn, so that a busy machine hinders all alike."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.measuring import Bench, measure, system_calls
from benchmarks.peer import Absent, Failed
from benchmarks.results import CaseResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.case import Case

_TRACED = {"echo", "tls", "connect", "bulk", "process"}
"""The groups whose system calls are counted."""

_TRACED_SCALE = 0.05
"""Part of the requests that are made under strace, which takes many times as long for each."""


def run_case(bench: Bench, case: Case, contestants: Sequence[str], rounds: int, *, traced: bool) -> CaseResult:
    """Measure a case on every contestant, and count the system calls if asked to.

    One that cannot do it, or fails, is not tried again.
    """
    outcomes = {name: Outcome() for name in contestants if case.transports or name != "aiofastnet"}
    for number in range(rounds):
        for name in _rotated(list(outcomes), number):
            _measure(bench, case, name, outcomes[name])
    if traced and case.group in _TRACED:
        small = replace(bench, scale=bench.scale * _TRACED_SCALE)
        for name, outcome in outcomes.items():
            _trace(small, case, name, outcome)
    return CaseResult(case, bench.count(case), outcomes)


def _rotated(names: list[str], by: int) -> list[str]:
    by %= max(1, len(names))
    return names[by:] + names[:by]


def _measure(bench: Bench, case: Case, name: str, outcome: Outcome) -> None:
    if outcome.absent or outcome.failed:
        return
    try:
        outcome.samples.append(measure(bench, case, name))
    except Absent as error:
        outcome.absent = str(error)
    except Failed as error:
        outcome.failed = str(error)


def _trace(bench: Bench, case: Case, name: str, outcome: Outcome) -> None:
    if outcome.samples and not outcome.failed:
        with suppress(Absent, Failed):  # the figures that matter are there
            outcome.system_calls.update(system_calls(bench, case, name))
