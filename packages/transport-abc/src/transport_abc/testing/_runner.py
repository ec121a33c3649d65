"""Running many checks, and telling what came out."""

from __future__ import annotations

import inspect
import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from transport_abc.testing._subjects import Subject

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from transport_abc.testing._check import Check

__all__ = ["Outcome", "Result", "matrix", "run_checks", "to_json"]

_S = TypeVar("_S", bound=Subject)

Outcome: TypeAlias = Literal["passed", "failed", "known fault", "fault is gone", "not applicable"]
"""What can come out of a check. A fault that is gone is worth a look: the list of known faults is out of date."""

_SIGNS: dict[str, str] = {
    "passed": "yes",
    "failed": "NO",
    "known fault": "fault",
    "fault is gone": "yes!",
    "not applicable": "-",
}


@dataclass(frozen=True)
class Result:
    """What came out of one check on one subject.

    Args:
        check: the check's name.
        rule: the rule that it tries.
        outcome: see :data:`Outcome`.
        detail: why it failed, which fault is known, or why the rule means nothing here; empty if it passed.
        seconds: how long it took.
    """

    check: str
    rule: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Tell whether there is nothing to look at, neither an unknown failure nor a fault that is gone."""
        return self.outcome in {"passed", "known fault", "not applicable"}


def run_checks(
    checks: Iterable[Check[_S]],
    subject: _S,
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    debug: bool = False,
) -> list[Result]:
    """Try every check on a subject, each in a new loop.

    Args:
        checks: for example :func:`stream_checks`.
        subject: what they are tried on.
        loop_factory: makes the loops; asyncio's by default.
        debug: run the loops in debug mode.
    """
    return [_result(check, subject, loop_factory, debug) for check in checks]


def _result(check: Check[_S], subject: _S, loop_factory: Callable[[], Any] | None, debug: bool) -> Result:
    reason = check.inapplicable(subject)
    if reason is not None:
        return Result(check.name, check.rule, "not applicable", reason)
    fault = check.known_fault(subject.implementation)
    if fault is not None and subject.implementation in check.fatal_to:
        return Result(check.name, check.rule, "known fault", fault)
    start = time.perf_counter()
    try:
        check.run_in_loop(subject, loop_factory, debug=debug, patience=10.0 if fault is None else 1.0)
    except (AssertionError, Exception) as exc:
        outcome: Outcome = "failed" if fault is None else "known fault"
        detail = (str(exc) or type(exc).__name__) if fault is None else fault
        if fault is None and not isinstance(exc, AssertionError):
            detail = f"{type(exc).__name__}: {exc}"
    else:
        outcome, detail = ("passed", "") if fault is None else ("fault is gone", fault)
    return Result(check.name, check.rule, outcome, detail, round(time.perf_counter() - start, 4))


def to_json(results: Mapping[str, Sequence[Result]]) -> str:
    """Return results as JSON: an object with one list for each subject."""
    return json.dumps({name: [asdict(result) for result in row] for name, row in results.items()}, indent=2)


def matrix(results: Mapping[str, Sequence[Result]]) -> str:
    """Return results as a table of text: one line for each check, one column for each subject, remarks below."""
    names = list(results)
    checks = [result.check for result in results[names[0]]] if names else []
    width = max(map(len, checks), default=0)
    lines = ["  ".join(["".ljust(width), *names])]
    remarks = []
    for number, check in enumerate(checks):
        row = [results[name][number] for name in names]
        signs = (_SIGNS[result.outcome].ljust(len(name)) for name, result in zip(names, row, strict=True))
        lines.append("  ".join([check.ljust(width), *signs]).rstrip())
        remarks += [_remark(name, result) for name, result in zip(names, row, strict=True) if result.detail]
    return "\n".join([*lines, "", *remarks, "", *(_sum(name, results[name]) for name in names)])


def _remark(name: str, result: Result) -> str:
    what = {"failed": "NO", "fault is gone": "no longer"}.get(result.outcome, result.outcome)
    detail = inspect.cleandoc(result.detail).partition("\n")[0]
    return f"{name}: {result.check}: {what}: {detail}"


def _sum(name: str, row: Sequence[Result]) -> str:
    counts = {outcome: sum(result.outcome == outcome for result in row) for outcome in _SIGNS}
    return f"{name}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
