"""Every case, by name, in the order in which they run."""

from benchmarks.case import Case
from benchmarks.cases import bulk, connections, echo, growth, processes, scheduler, web

__all__ = ["CASES"]

CASES: dict[str, Case] = {
    case.name: case for module in (echo, connections, bulk, scheduler, processes, web, growth) for case in module.CASES
}
