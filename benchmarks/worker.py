"""The process that is measured: one case on one contestant, once.

It talks to its parent in lines of JSON. The first line says ``ready``, or ``absent`` and why. A server then answers
each line it reads with what the process has used so far; local work waits for a line, works, and says what it used. In
the end the process is ended without ceremony: how a loop closes is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.case import Case, Local, Place, Served, Work
from benchmarks.cases import CASES
from benchmarks.contestants import by_name

if TYPE_CHECKING:
    from types import FrameType

_WARM_UP = 20
"""Local work is warmed up with one part in this many."""


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


_calls: Counter[str] = Counter()


def _count_call(frame: FrameType, event: str, called: Any) -> None:
    """Count a call, as a profile function of the interpreter."""
    if event == "call":
        _calls[f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}"] += 1
    elif event == "c_call":
        _calls[f"* {called.__qualname__}"] += 1


def _used() -> dict[str, float]:
    """Seconds of processor time so far, and bytes resident now."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "user": own.ru_utime,
        "system": own.ru_stime,
        "children": children.ru_utime + children.ru_stime,
        "wall": time.perf_counter(),
        "rss": float(_resident()),
    }


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no such file system here
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _answer_marks() -> None:
    """Answer on a thread that sleeps in the kernel meanwhile, so that the loop has no part in it."""
    for line in sys.stdin:
        if line.startswith("quit"):
            break
        _say(**_used(), calls=dict(_calls))
    os._exit(0)


async def _serve(case: Served, place: Place) -> None:
    async with case.server(place) as address:
        _say(ready=True, address=address)
        threading.Thread(target=_answer_marks, daemon=True).start()
        await asyncio.get_running_loop().create_future()


async def _do(case: Local, place: Place, count: int) -> None:
    async with case.work(place) as work:
        await work(max(1, count // _WARM_UP))
        _say(ready=True)
        sys.stdin.readline()  # blocks the loop, which has nothing to do
        _say(**await _figures(work, count))
        sys.stdin.readline()
    os._exit(0)


async def _figures(work: Work, count: int) -> dict[str, Any]:
    _calls.clear()
    before = _used()
    cost = await work(count)
    after = _used()
    used: dict[str, Any] = {key: after[key] - before[key] for key in before}
    used["calls"] = dict(_calls)
    if cost is not None:
        used.update(user=cost, system=0.0)
    return used


async def _run(case: Case, place: Place, count: int) -> None:
    try:
        if isinstance(case, Served):
            await _serve(case, place)
        elif isinstance(case, Local):
            await _do(case, place, count)
    except (NotImplementedError, ImportError) as error:
        _say(absent=str(error) or type(error).__name__)
        os._exit(0)


def main() -> None:
    """Run as the command line says: a JSON object with the case, the contestant and the place."""
    told = json.loads(sys.argv[1])
    os.sched_setaffinity(0, {told["processor"]})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        loop = by_name(told["contestant"]).new_loop()
    except ImportError as error:
        _say(absent=str(error))
        return
    place = Place(Path(told["folder"]), Path(told["certificate"]), told["other_processor"])
    if told["profiled"]:
        sys.setprofile(_count_call)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_run(CASES[told["case"]], place, told["count"]))


if __name__ == "__main__":
    main()
