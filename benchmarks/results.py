"""What a run brought: samples, their medians, and the ratios that matter."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.contestants import OURS

if TYPE_CHECKING:
    from benchmarks.case import Case


@dataclass(frozen=True)
class Sample:
    """One measurement: microseconds of processor time a unit, units a second, latencies in microseconds."""

    user: float
    system: float
    children: float | None = None
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    resident: float | None = None
    """Bytes of memory a unit, where that is what was measured."""

    @property
    def cost(self) -> float:
        """What is compared: bytes where memory was measured, else all of the processor time."""
        if self.resident is not None:
            return self.resident
        return self.user + self.system + (self.children or 0.0)


@dataclass
class Outcome:
    """All samples of one case on one contestant, round by round; or why there are none."""

    samples: list[Sample] = field(default_factory=list)
    system_calls: dict[str, float] = field(default_factory=dict)
    """System calls a unit, by name."""
    python_calls: dict[str, float] = field(default_factory=dict)
    """Calls a unit of functions of Python, by name; those of C begin with a star."""
    instructions: float | None = None
    """Machine instructions a unit in user space."""
    absent: str | None = None
    failed: str | None = None

    def median(self, name: str) -> float | None:
        """Look up the median of a figure over the rounds; None if it was not measured."""
        values = [value for sample in self.samples if (value := getattr(sample, name)) is not None]
        return median(values) if values else None

    @property
    def calls(self) -> float | None:
        """System calls a unit, of all names."""
        return sum(self.system_calls.values()) if self.system_calls else None


@dataclass
class CaseResult:
    """One case on every contestant."""

    case: Case
    count: int
    outcomes: dict[str, Outcome]

    def ratio(self, rival: str, of: str = OURS) -> float | None:
        """Take the median over the rounds of the rival's cost divided by ours of the same round."""
        mine, theirs = self.outcomes.get(of), self.outcomes.get(rival)
        if mine is None or theirs is None:
            return None
        pairs = zip(theirs.samples, mine.samples, strict=False)
        ratios = [their.cost / our.cost for their, our in pairs if our.cost > 0]
        return median(ratios) if ratios else None


@dataclass
class Run:
    """Every case that was run with one Python."""

    python: str
    versions: dict[str, str]
    results: list[CaseResult] = field(default_factory=list)

    @property
    def contestants(self) -> list[str]:
        """Those that did at least one case, in their order."""
        names = dict.fromkeys(name for result in self.results for name in result.outcomes)
        return [name for name in names if any(self._has(result, name) for result in self.results)]

    @staticmethod
    def _has(result: CaseResult, name: str) -> bool:
        return name in result.outcomes and bool(result.outcomes[name].samples)

    def as_json(self) -> dict[str, Any]:
        """Turn everything that was measured into what JSON can hold."""
        return {
            "python": self.python,
            "versions": self.versions,
            "cases": [
                {
                    "name": result.case.name,
                    "about": result.case.about,
                    "group": result.case.group,
                    "unit": result.case.unit,
                    "count": result.count,
                    "ratios": {name: result.ratio(name) for name in result.outcomes if name != OURS},
                    "contestants": {name: asdict(outcome) for name, outcome in result.outcomes.items()},
                }
                for result in self.results
            ],
        }
