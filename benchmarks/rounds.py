"""Run the cases in rounds in which every contestant has its turn, so that a busy machine hinders all alike."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks import counting
from benchmarks.measuring import Bench, measure
from benchmarks.peer import Absent, Failed
from benchmarks.results import CaseResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.case import Case

_TRACED = {"echo", "tls", "connect", "bulk", "process"}
"""The groups whose system calls are counted."""

_COUNTED = 0.05
"""Part of the requests that are made where each takes many times as long."""


@dataclass(frozen=True)
class Counts:
    """What is counted besides the times."""

    system_calls: bool = False
    instructions: bool = False
    python_calls: bool = False


def run_case(
    bench: Bench, case: Case, contestants: Sequence[str], rounds: int, counts: Counts, until: float
) -> CaseResult:
    """Measure a case on every contestant, and count what was asked for.

    One that cannot do it, or fails, is not tried again. No round begins after a moment of the monotonic clock, except
    the first.
    """
    outcomes = {name: Outcome() for name in contestants if case.transports or name != "aiofastnet"}
    for number in range(rounds):
        if number and time.monotonic() >= until:
            break
        for name in _rotated(list(outcomes), number):
            _measure(bench, case, name, outcomes[name])
    small = replace(bench, scale=bench.scale * _COUNTED)
    for name, outcome in outcomes.items():
        if outcome.samples and not outcome.failed:
            _count(small, case, name, outcome, counts)
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


def _count(bench: Bench, case: Case, name: str, outcome: Outcome, counts: Counts) -> None:
    with suppress(Absent, Failed):  # the figures that matter are there
        if counts.system_calls and case.group in _TRACED:
            outcome.system_calls.update(counting.system_calls(bench, case, name))
    with suppress(Absent, Failed):
        if counts.instructions:
            outcome.instructions = counting.instructions(bench, case, name)
    with suppress(Absent, Failed):
        if counts.python_calls:
            outcome.python_calls.update(counting.python_calls(bench, case, name))
