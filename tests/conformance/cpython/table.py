"""Compare what happened with what was expected, count, and print."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.conformance.cpython.expectations import Entry
    from tests.conformance.cpython.runner import Outcome

COLUMNS = ("passed", "no loop", "failed", "differs", "left out", "skipped")
"""``no loop``: passed without ever asking for a loop, so the test says nothing about ours."""


@dataclass
class Verdict:
    """The counts by module, and everything that must be said.

    ``unexpected`` failed and is not listed; ``passing`` passed and is listed as a difference; ``unsteady`` failed
    once and passed when run alone; ``stale`` are entries that no test of this interpreter matches.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    unexpected: list[Outcome] = field(default_factory=list)
    passing: list[str] = field(default_factory=list)
    unsteady: list[Outcome] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.unexpected and not self.passing

    def count(self, test: str, column: str) -> None:
        module = test.partition(".")[0]
        self.counts.setdefault(module, dict.fromkeys(COLUMNS, 0))[column] += 1


def judge(outcomes: Mapping[str, Outcome], left_out: Iterable[str], differences: list[Entry]) -> Verdict:
    """Sort every test into its column."""
    verdict = Verdict()
    for test in left_out:
        verdict.count(test, "left out")
    for test, outcome in outcomes.items():
        listed = any(entry.matches(test) for entry in differences)
        verdict.count(test, _column(outcome, listed))
        if outcome.failed and not listed:
            verdict.unexpected.append(outcome)
        elif listed and not outcome.failed and outcome.skipped is None:
            verdict.passing.append(test)
        elif outcome.at_first and not outcome.failed:
            verdict.unsteady.append(outcome)
    return verdict


def _column(outcome: Outcome, listed: bool) -> str:
    if outcome.failed:
        return "differs" if listed else "failed"
    if outcome.skipped is not None:
        return "skipped"
    return "passed" if outcome.loops else "no loop"


def table(verdict: Verdict, title: str) -> str:
    """Draw the counts: a line for each module, and their sum."""
    total = {column: sum(counts[column] for counts in verdict.counts.values()) for column in COLUMNS}
    width = max(map(len, [*verdict.counts, title]))
    lines = [" ".join([title.ljust(width), *(column.rjust(8) for column in COLUMNS)])]
    for name, counts in [*sorted(verdict.counts.items()), ("sum", total)]:
        lines.append(" ".join([name.ljust(width), *(str(counts[column] or "-").rjust(8) for column in COLUMNS)]))
    return "\n".join(lines)


def explain(verdict: Verdict) -> str:
    """Say what is wrong, and what to do about it."""
    lines = [f"FAILED {outcome.test}\n{_indented(outcome.failed)}" for outcome in verdict.unexpected]
    lines += [f"PASSES {test}: it is listed as a difference; take it off the list" for test in verdict.passing]
    lines += [
        f"UNSTEADY {outcome.test}: passed when run alone, but failed before\n{_indented(outcome.at_first)}"
        for outcome in verdict.unsteady
    ]
    lines += [f"note: no test of this Python is called {pattern}" for pattern in verdict.stale]
    return "\n".join(lines)


def _indented(reasons: list[str]) -> str:
    return "\n".join(f"    {line}" for reason in reasons for line in reason.rstrip().splitlines())
