"""Print a run as tables of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.aims import aim
from benchmarks.contestants import FLOOR, OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.results import CaseResult, Outcome, Run

_NOTE = 110


def tables(run: Run) -> Iterator[str]:
    """Yield everything there is to say of a run, line by line."""
    yield f"{run.python}: " + "; ".join(f"{name}: {version}" for name, version in run.versions.items())
    for title, rows in (
        ("What one costs: microseconds of processor time, user+system (memory: kilobytes)", _costs(run)),
        (
            "What a rival costs, in ours (more than 1: ours is cheaper); the aim in brackets, ! where missed",
            _ratios(run),
        ),
        ("Units a second (the load waits for each reply)", _figures(run, "rate", "{:.0f}")),
        ("Latency in microseconds, p50/p99", _latencies(run)),
        ("System calls a unit (counted under strace)", _calls(run)),
        ("Machine instructions a unit in user space (counted under valgrind)", _instructions(run)),
        ("Growth: cost with the most connections, in the cost with the fewest", _growth(run)),
    ):
        if len(rows) > 1:
            yield ""
            yield title
            yield ""
            yield from _aligned(rows)
    yield from _python_calls(run)
    yield from _notes(run)
    yield from _rounds(run)


def _costs(run: Run) -> list[list[str]]:
    return _table(run, run.contestants, lambda result, name: cost(result.outcomes[name]))


def cost(outcome: Outcome) -> str:
    """Say what a unit costs; user and system time apart."""
    resident, children = outcome.median("resident"), outcome.median("children")
    if resident is not None:
        return f"{resident / 1000:.1f} kB"
    user, system = outcome.median("user"), outcome.median("system")
    if user is None or system is None:
        return ""
    digits = 2 if user + system < 100 else 0
    parts = [user, system] if children is None else [user, system, children]
    return "+".join(f"{part:.{digits}f}" for part in parts)


def _ratios(run: Run) -> list[list[str]]:
    rivals = [name for name in run.contestants if name != OURS]
    return _table(run, rivals, _ratio)


def _ratio(result: CaseResult, rival: str) -> str:
    ratio = result.ratio(rival)
    if ratio is None:
        return ""
    aimed = aim(result.case.group, rival)
    if aimed is None:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} [{aimed:.1f}]{'!' if ratio < aimed else ' '}"


def missed(run: Run) -> int:
    """Count the aims that were missed."""
    return sum(_ratio(result, name).endswith("!") for result in run.results for name in result.outcomes)


def _figures(run: Run, figure: str, form: str) -> list[list[str]]:
    def say(result: CaseResult, name: str) -> str:
        value = result.outcomes[name].median(figure)
        return "" if value is None else form.format(value)

    return _table(run, run.contestants, say)


def _latencies(run: Run) -> list[list[str]]:
    def say(result: CaseResult, name: str) -> str:
        half, most = result.outcomes[name].median("p50"), result.outcomes[name].median("p99")
        return "" if half is None or most is None else f"{half:.0f}/{most:.0f}"

    return _table(run, run.contestants, say)


def _calls(run: Run) -> list[list[str]]:
    def say(result: CaseResult, name: str) -> str:
        calls = result.outcomes[name].calls
        return "" if calls is None else f"{calls:.2f}"

    return _table(run, run.contestants, say)


def _instructions(run: Run) -> list[list[str]]:
    def say(result: CaseResult, name: str) -> str:
        counted = result.outcomes[name].instructions
        return "" if counted is None else f"{counted:.0f}"

    return _table(run, run.contestants, say)


def _python_calls(run: Run) -> Iterator[str]:
    """List the calls of each case, the most frequent first."""
    for result in run.results:
        for name, outcome in result.outcomes.items():
            if outcome.python_calls:
                yield f"\nCalls a unit that Python sees (those of C with a star): {result.case.name} on {name}\n"
                by_number = sorted(outcome.python_calls.items(), key=lambda item: -item[1])
                yield from _aligned([[called, f"{number:.2f}"] for called, number in by_number])


def _table(run: Run, names: Sequence[str], say: Callable[[CaseResult, str], str]) -> list[list[str]]:
    """Make a row for each case that has something to say, and a heading."""
    rows = [["", *names]]
    for result in run.results:
        row = [say(result, name) if name in result.outcomes else "" for name in names]
        if any(row):
            rows.append([f"{result.case.name} ({result.case.unit})", *row])
    return rows


def _growth(run: Run) -> list[list[str]]:
    names = [name for name in run.contestants if name != FLOOR]
    rows = [["", *names]]
    for kind in ("idle", "active"):
        found = [
            result for result in run.results if result.case.group == "growth" and result.case.name.startswith(kind)
        ]
        if len(found) > 1:
            rows.append([f"{kind}: {found[0].case.name} to {found[-1].case.name}", *_grown(found[0], found[-1], names)])
    return rows


def _grown(fewest: CaseResult, most: CaseResult, names: list[str]) -> Iterator[str]:
    for name in names:
        before, after = fewest.outcomes[name].median("cost"), most.outcomes[name].median("cost")
        yield f"{after / before:.2f}" if before and after else ""


def _notes(run: Run) -> Iterator[str]:
    """Say what was left out, and why; once for a contestant that did nothing at all."""
    said: set[tuple[str, str]] = set()
    for result in run.results:
        for name, outcome in result.outcomes.items():
            reason = _reason(outcome)
            # That the bare server only echoes needs no mention.
            if reason and name != FLOOR and (name, reason) not in said:
                if not said:
                    yield ""
                said.add((name, reason))
                yield f"{name}: {result.case.name if name in run.contestants else 'left out'}: {reason}"


def _rounds(run: Run) -> Iterator[str]:
    """Say how many rounds the figures come from."""
    made = {max((len(outcome.samples) for outcome in result.outcomes.values()), default=0) for result in run.results}
    yield f"\nRounds: {min(made)}" + (f" to {max(made)}, as time allowed" if len(made) > 1 else "")


def _reason(outcome: Outcome) -> str:
    if outcome.failed:
        return f"failed: ... {' '.join(outcome.failed.split())[-_NOTE:]}"
    return " ".join((outcome.absent or "").split())[:_NOTE]


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    first_width, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    for first, *others in rows:
        yield "  ".join([first.ljust(first_width), *map(str.rjust, others, widths)]).rstrip()
