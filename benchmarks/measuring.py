"""Take one figure: one contestant does one case once, in a fresh process."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import wrk
from benchmarks.case import Case, Local, Served
from benchmarks.contestants import COMPILED, FLOOR
from benchmarks.peer import LIMIT, Absent, Peer
from benchmarks.results import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.compiling import Programs

_ROOT = Path(__file__).parent.parent
_MICRO = 1e6
_WARM_UP = 10
"""A server is warmed up with one request in this many."""


@dataclass(frozen=True)
class Bench:
    """What every measurement of a run has in common."""

    python: str
    compiled_python: str | None
    programs: Programs | None
    certificate: Path | None
    processors: tuple[int, int]
    """What is measured runs on the first, the load on the second."""
    scale: float
    profiled: bool = False
    """Whether the functions that Python calls are counted, which makes all times worthless."""

    def count(self, case: Case) -> int:
        """Scale the number of units of a case; at least one for each connection that makes some."""
        least = case.load.connections if isinstance(case, Served) and case.load.mode == "echo" else 1
        return max(least, round(case.count * self.scale))


def measure(bench: Bench, case: Case, contestant: str) -> Sample:
    """Measure once.

    Raises:
        Absent: if the contestant is not installed or cannot do this.
        Failed: if something broke.
    """
    count = bench.count(case)
    with started(bench, case, contestant, count) as (peer, ready):
        if isinstance(case, Local):
            return _of_local(case, peer.ask("go"), count)
        assert isinstance(case, Served)
        if case.load.mode == "http":
            return _of_http(bench, case, peer, ready["address"])
        return _of_served(bench, case, peer, ready["address"], count)


@contextmanager
def started(
    bench: Bench, case: Case, contestant: str, count: int, under: Sequence[str] = (), limit: float = LIMIT
) -> Iterator[tuple[Peer, dict[str, Any]]]:
    """Start what is measured, perhaps under some tool, and wait until it is ready: the process and what it said.

    Raises:
        Absent: if the contestant is not installed or cannot do this.
        Failed: if it ends instead.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command, environment = _command(bench, case, contestant, count, Path(folder))
        if under and environment is not None:
            environment["PYTHONHASHSEED"] = "0"  # for counts that can be compared
        with Peer([*under, *command], environment, limit) as peer:
            yield peer, peer.read()


def _command(
    bench: Bench, case: Case, contestant: str, count: int, folder: Path
) -> tuple[list[str], dict[str, str] | None]:
    if isinstance(case, Served) and bench.programs is None:
        raise Absent("there is no C compiler for the load generator")
    if isinstance(case, Served) and case.load.tls and not (bench.programs and bench.programs.tls):
        raise Absent("the headers of OpenSSL are not installed")
    if contestant == FLOOR:
        return _floor_command(bench, case, folder), None
    python = bench.compiled_python if contestant == COMPILED else bench.python
    if python is None:
        raise Absent("no environment with the compiled build for this Python was named")
    told = {
        "case": case.name,
        "contestant": contestant,
        "count": count,
        "profiled": bench.profiled,
        "folder": str(folder),
        "certificate": str(bench.certificate),
        "processor": bench.processors[0],
        "other_processor": bench.processors[1],
    }
    return [python, "-m", "benchmarks.worker", json.dumps(told)], os.environ | {"PYTHONPATH": str(_ROOT)}


def _floor_command(bench: Bench, case: Case, folder: Path) -> list[str]:
    if not isinstance(case, Served) or case.floor is None or bench.programs is None:
        raise Absent("the bare server only echoes")
    address = str(folder / "socket") if case.floor == "path" else "0"
    tls = ["--certificate", str(bench.certificate)] if case.load.tls else []
    processor = ["--processor", str(bench.processors[0])]
    return [str(bench.programs.floor), address, "--type", case.load.type, *processor, *tls]


@contextmanager
def loading(bench: Bench, case: Served, address: str, count: int, limit: float = LIMIT) -> Iterator[Peer]:
    """Start the load generator, and wait until it has connected and warmed up."""
    assert bench.programs is not None
    load, hold = case.load, case.load.mode == "hold"
    options = {
        "mode": load.mode,
        "type": load.type,
        "tls": int(load.tls),
        "connections": count if hold else load.connections,
        "size": load.size,
        "requests": count,
        "warmup": count // _WARM_UP,
        "idle": load.idle,
        "processor": bench.processors[1],
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with Peer([str(bench.programs.load), address, *words], limit=limit) as peer:
        peer.read()
        yield peer


def _of_served(bench: Bench, case: Served, peer: Peer, address: str, count: int) -> Sample:
    with loading(bench, case, address, count) as load:
        before = peer.ask("mark")
        done = load.ask("go")
        after = peer.ask("mark")
    return Sample(
        user=(after["user"] - before["user"]) / count * _MICRO,
        system=(after["system"] - before["system"]) / count * _MICRO,
        rate=count / done["seconds"],
        p50=done["p50"],
        p99=done["p99"],
        resident=(after["rss"] - before["rss"]) / count if case.memory else None,
    )


def _of_http(bench: Bench, case: Served, peer: Peer, address: str) -> Sample:
    wrk.run(address, case.load.connections, 0.2 * bench.scale, bench.processors[1])
    before = peer.ask("mark")
    done = wrk.run(address, case.load.connections, bench.scale, bench.processors[1])
    after = peer.ask("mark")
    return Sample(
        user=(after["user"] - before["user"]) / done.requests * _MICRO,
        system=(after["system"] - before["system"]) / done.requests * _MICRO,
        rate=done.requests / done.seconds,
        p50=done.p50,
        p99=done.p99,
    )


def _of_local(case: Local, used: dict[str, Any], count: int) -> Sample:
    return Sample(
        user=used["user"] / count * _MICRO,
        system=used["system"] / count * _MICRO,
        children=used["children"] / count * _MICRO if case.children else None,
        rate=count / used["wall"] if used["wall"] else None,
    )
