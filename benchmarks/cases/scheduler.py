"""The loop without any transport: callbacks, tasks, timers, threads; and how long a program takes to have one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.case import Local, Place, Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_BATCH = 1_000
_PENDING = 100_000
_TASKS = 10
_FAR = 3_600.0
_SOON = 0.001
_STEP = 1e-5


def _nothing() -> None:
    pass


async def _chain(count: int) -> None:
    """Let each callback schedule the next."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def step() -> None:
        nonlocal left
        left -= 1
        if left > 0:
            loop.call_soon(step)
        else:
            done.set_result(None)

    loop.call_soon(step)
    await done


async def _batch(count: int) -> None:
    loop = asyncio.get_running_loop()
    for first in range(0, count, _BATCH):
        for _ in range(min(_BATCH, count - first)):
            loop.call_soon(_nothing)
        await asyncio.sleep(0)


async def _switch(count: int) -> None:
    async def yielding() -> None:
        for _ in range(max(1, count // _TASKS)):
            await asyncio.sleep(0)

    await asyncio.gather(*(yielding() for _ in range(min(_TASKS, count))))


async def _fire(count: int) -> None:
    """Let timers fire that are due in an order other than that of their making.

    None is due in less than a millisecond: uvloop makes no timer of what rounds to none, but a call_soon.
    """
    loop = asyncio.get_running_loop()
    for first in range(0, count, _BATCH):
        for number in range(min(_BATCH, count - first)):
            loop.call_later(_SOON + number * 7919 % _BATCH * _STEP, _nothing)
        done = loop.create_future()
        loop.call_later(_SOON + _BATCH * _STEP, done.set_result, None)
        await done


async def _cancel(count: int) -> None:
    loop = asyncio.get_running_loop()
    for first in range(0, count, _BATCH):
        for _ in range(min(_BATCH, count - first)):
            loop.call_later(_FAR, _nothing).cancel()
        await asyncio.sleep(0)


async def _in_executor(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.run_in_executor(None, _nothing)


async def _from_thread(count: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def call() -> None:
        for _ in range(count):
            loop.call_soon_threadsafe(_nothing)
        loop.call_soon_threadsafe(done.set_result, None)

    thread = threading.Thread(target=call)
    thread.start()
    await done
    thread.join()


def _simply(function: Callable[[int], Awaitable[None]]) -> Callable[[Place], AsyncIterator[Work]]:
    """Turn a function into work that needs no preparation."""

    async def prepared(place: Place) -> AsyncIterator[Work]:
        yield function

    return prepared


async def _with_pending_timers(place: Place) -> AsyncIterator[Work]:
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(_FAR + number, _nothing) for number in range(_PENDING)]
    yield _chain
    for timer in timers:
        timer.cancel()


_START = """
import time
started = time.process_time()
import {module}
{module}.new_event_loop().close()
print(time.process_time() - started)
"""


async def _starting(place: Place) -> AsyncIterator[Work]:
    module = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    program = _START.format(module=module)
    # What is installed has been compiled to bytecode; what runs from its sources is here by the warm-up, if that may.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    async def start(count: int) -> float:
        cost = 0.0
        for _ in range(count):
            done = subprocess.run([sys.executable, "-c", program], stdout=-1, check=True, env=environment)  # noqa: ASYNC221
            cost += float(done.stdout)
        return cost

    yield start


def _local(
    name: str, about: str, count: int, work: Callable[[Place], AsyncIterator[Work]], unit: str = "call"
) -> Local:
    return Local(
        name=name,
        about=about,
        group="startup" if name == "startup" else "scheduler",
        unit=unit,
        count=count,
        transports=False,
        work=asynccontextmanager(work),
    )


CASES = [
    _local("soon-chain", "each callback calls call_soon for the next", 200_000, _simply(_chain)),
    _local("soon-batch", f"call_soon, {_BATCH} a turn", 300_000, _simply(_batch)),
    _local("task-switch", f"sleep(0) in {_TASKS} tasks", 200_000, _simply(_switch), "switch"),
    _local("timer-fire", f"call_later that fires, {_BATCH} at a time", 100_000, _simply(_fire), "timer"),
    _local("timer-cancel", "call_later and cancel", 100_000, _simply(_cancel), "timer"),
    _local("timer-pending", f"soon-chain with {_PENDING} timers pending", 200_000, _with_pending_timers),
    _local("executor", "await run_in_executor of a function that does nothing", 5_000, _simply(_in_executor)),
    _local("threadsafe", "call_soon_threadsafe from another thread", 50_000, _simply(_from_thread)),
    _local("startup", "import, new_event_loop, close", 3, _starting, "start"),
]
