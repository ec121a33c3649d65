"""Child processes and their pipes."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any, cast

from benchmarks.case import Local, Place, Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_MIB = 1 << 20
_CHUNK = bytes(1 << 18)
_AT_ONCE = 50
_LINE = b"x" * 1023 + b"\n"


class _Child(asyncio.SubprocessProtocol):
    """Wait for the end of the process and of all its pipes; count what it prints, feed it what it reads."""

    def __init__(self) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self.got = self._left = 0
        self._paused = False

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.got += len(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)

    def feed(self, pipe: asyncio.WriteTransport, size: int) -> None:
        """Write so many bytes to the child, then close its input."""
        self._pipe, self._left = pipe, size
        self._pump()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while self._left > 0 and not self._paused:
            self._left -= len(_CHUNK)
            self._pipe.write(_CHUNK)
            if self._left <= 0:
                self._pipe.close()


async def _start(*command: str, **options: Any) -> tuple[asyncio.SubprocessTransport, _Child]:
    return await asyncio.get_running_loop().subprocess_exec(_Child, *command, **options)


async def _spawn(count: int) -> None:
    for _ in range(count):
        transport, child = await _start("true", stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        await child.ended
        transport.close()


async def _cat(count: int) -> None:
    """Have many children at once, each of which echoes one line."""

    async def one() -> None:
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        echoed, _ = await process.communicate(_LINE)
        if echoed != _LINE:
            raise ValueError(f"expected {_LINE!r}, got {echoed!r}")

    for first in range(0, count, _AT_ONCE):
        await asyncio.gather(*(one() for _ in range(min(_AT_ONCE, count - first))))


def _simply(function: Callable[[int], Awaitable[None]]) -> Callable[[Place], AsyncIterator[Work]]:
    async def prepared(place: Place) -> AsyncIterator[Work]:
        yield function

    return prepared


async def _reading(place: Place) -> AsyncIterator[Work]:
    async def read(count: int) -> None:
        command = ["dd", "if=/dev/zero", "bs=1M", f"count={count}"]
        transport, child = await _start(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        os.sched_setaffinity(transport.get_pid(), {place.other_processor})
        await child.ended
        transport.close()
        if child.got != count * _MIB:
            raise ValueError(f"expected {count * _MIB} bytes from the child, got {child.got}")

    yield read


async def _writing(place: Place) -> AsyncIterator[Work]:
    async def write(count: int) -> None:
        command = ["dd", "of=/dev/null", "bs=1M"]
        transport, child = await _start(*command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL)
        os.sched_setaffinity(transport.get_pid(), {place.other_processor})
        child.feed(cast(asyncio.WriteTransport, transport.get_pipe_transport(0)), count * _MIB)
        await child.ended
        transport.close()

    yield write


def _local(
    name: str,
    about: str,
    count: int,
    work: Callable[[Place], AsyncIterator[Work]],
    unit: str,
    *,
    children: bool = False,
) -> Local:
    return Local(
        name=name,
        about=about,
        group="process",
        unit=unit,
        count=count,
        transports=False,
        children=children,
        work=asynccontextmanager(work),
    )


CASES = [
    _local("spawn", "start `true` and wait; with the child's time", 100, _simply(_spawn), "child", children=True),
    _local(
        "cat-50",
        f"one line through `cat`, {_AT_ONCE} children at once; with their time",
        100,
        _simply(_cat),
        "child",
        children=True,
    ),
    _local("pipe-read", "1 GiB from a child", 1024, _reading, "MiB"),
    _local("pipe-write", "1 GiB to a child", 1024, _writing, "MiB"),
]
