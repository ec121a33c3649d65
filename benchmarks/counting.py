"""Count what a busy machine cannot disturb: system calls, machine instructions, function calls of Python.

Counting slows a server down, by as much as fifty times, so every connection has a request waiting whenever it looks:
what a loop does once a turn is spread over more requests than in a timed run.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.case import Local, Served
from benchmarks.contestants import FLOOR
from benchmarks.measuring import Bench, loading, started
from benchmarks.peer import Absent, Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.case import Case
    from benchmarks.peer import Peer

_SLOW = 300.0
"""Seconds that a server may run under valgrind."""

_ENOUGH = 2000
"""Units that make a difference beside the start of an interpreter, which takes hundreds of millions of instructions."""

_ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE)
_REFERENCES = re.compile(r"I\s+refs:\s+([\d,]+)")


def system_calls(bench: Bench, case: Case, contestant: str) -> dict[str, float]:
    """Count the system calls of each name for one unit.

    Raises:
        Absent: if the contestant cannot do this, or there is no strace.
        Failed: if something broke.
    """
    count = bench.count(case)
    with started(bench, case, contestant, count) as (peer, ready):
        if isinstance(case, Local):
            with _traced(peer.pid) as counts:
                peer.ask("go")
        else:
            with loading(bench, _served(case), ready["address"], count) as load, _traced(peer.pid) as counts:
                load.ask("go")
    return {name: calls / count for name, calls in counts.items()}


@contextmanager
def _traced(pid: int) -> Iterator[dict[str, int]]:
    """Count the calls of a process while the block runs; the dictionary is filled at its end."""
    strace = _tool("strace")
    counts: dict[str, int] = {}
    with subprocess.Popen([strace, "-c", "-f", "-p", str(pid)], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        if "attached" not in attached:
            raise Absent(attached.strip() or "strace does not attach")
        try:
            yield counts
        finally:
            tracer.send_signal(signal.SIGINT)
            counts.update(parse_strace(tracer.stderr.read()))


def parse_strace(table: str) -> dict[str, int]:
    """Read strace's summary: calls by name, without the line that adds them up."""
    return {name: int(calls) for calls, name in _ROW.findall(table) if name != "total"}


def instructions(bench: Bench, case: Case, contestant: str) -> float:
    """Count the instructions that one unit takes in user space, as the slope between two runs.

    Raises:
        Absent: if the contestant cannot do this, or there is no valgrind.
        Failed: if something broke.
    """
    count = max(min(_ENOUGH, case.count), bench.count(case))
    few, many = (_all_instructions(replace(bench, scale=n / case.count), case, contestant) for n in (count, 2 * count))
    warm_up = 0.05 if isinstance(case, Local) else 0.1
    return (many - few) / (count * (1 + warm_up))


def _all_instructions(bench: Bench, case: Case, contestant: str) -> int:
    with tempfile.NamedTemporaryFile("r") as log:
        simulator = [_tool("valgrind"), "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        _do(bench, case, contestant, [*simulator, f"--log-file={log.name}"])
        found = _REFERENCES.search(Path(log.name).read_text())
    if found is None:
        raise Failed("valgrind reported no instructions")
    return int(found[1].replace(",", ""))


def _do(bench: Bench, case: Case, contestant: str, under: list[str]) -> None:
    count = bench.count(case)
    with started(bench, case, contestant, count, under, limit=_SLOW) as (peer, ready):
        if isinstance(case, Local):
            peer.ask("go")
        else:
            with loading(bench, _served(case), ready["address"], count, limit=_SLOW) as load:
                load.ask("go")


def python_calls(bench: Bench, case: Case, contestant: str) -> dict[str, float]:
    """Count the calls of functions that Python sees for one unit, by name; those of C begin with a star.

    Raises:
        Absent: if the contestant cannot do this.
        Failed: if something broke.
    """
    if contestant == FLOOR:
        raise Absent("the bare server has no Python in it")
    count = bench.count(case)
    with started(replace(bench, profiled=True), case, contestant, count) as (peer, ready):
        if isinstance(case, Local):
            calls = peer.ask("go")["calls"]
        else:
            calls = _called_while_serving(bench, _served(case), peer, ready["address"], count)
    return {name: number / count for name, number in calls.items() if number >= count / 100}


def _called_while_serving(bench: Bench, case: Served, peer: Peer, address: str, count: int) -> dict[str, int]:
    with loading(bench, case, address, count) as load:
        before = peer.ask("mark")["calls"]
        load.ask("go")
        after: dict[str, int] = peer.ask("mark")["calls"]
    return {name: number - before.get(name, 0) for name, number in after.items()}


def _served(case: Case) -> Served:
    if not isinstance(case, Served) or case.load.mode == "http":
        raise Absent("only what the load generator does can be counted")
    return case


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Absent(f"{name} is not installed")
    return found
