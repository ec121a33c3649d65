"""One run of one check: what it made, what was reported meanwhile, and how it is cleaned up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import AsyncExitStack
from contextvars import Context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from transport_abc.testing._check import PATIENCE, CheckFailed, expect, expect_equal
from transport_abc.testing._recorders import CALLER, DatagramRecorder, Recorder
from transport_abc.testing._subjects import DatagramSubject, LoopSubject, PluginSubject, StreamSubject, Subject

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from transport_abc._transports import DatagramTransport, Transport

    _T = TypeVar("_T")

__all__ = ["DatagramTrial", "LoopTrial", "PluginTrial", "StreamTrial", "Trial"]

_S = TypeVar("_S", bound=Subject)

_BLOCK = bytes(range(256)) * 1024  # 256 KiB
_MOST_BLOCKS = 1024


class _Collector(logging.Handler):
    """Keeps the text of each warning and error that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class Trial(Generic[_S]):
    """What a check is given. Reports to the loop's exception handler that it does not take make it fail."""

    def __init__(self, subject: _S) -> None:
        self.subject = subject
        self.loop = asyncio.get_running_loop()
        self.reports: list[dict[str, Any]] = []
        self._log = _Collector()
        self._stack = AsyncExitStack()

    @property
    def logged(self) -> list[str]:
        """Return the warnings and errors that went to the logger "asyncio"."""
        return self._log.texts

    async def __aenter__(self) -> Trial[_S]:
        handler = self.loop.get_exception_handler()
        self._stack.callback(self.loop.set_exception_handler, handler)
        self.loop.set_exception_handler(lambda loop, context: self.reports.append(context))
        logger = logging.getLogger("asyncio")
        logger.addHandler(self._log)
        self._stack.callback(logger.removeHandler, self._log)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        reports, self.reports = self.reports, []
        await self._stack.aclose()
        reports += self.reports
        self.reports = []
        if kind is None and reports:
            texts = [f"{report.get('message')}: {report.get('exception')!r}" for report in reports]
            raise CheckFailed(f"reported, though nothing went wrong: {'; '.join(texts)}")

    async def turns(self, count: int = 20) -> None:
        """Let the loop turn; enough for what is already on its way between two ends on one machine."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def elsewhere(self, function: Callable[..., _T], *args: Any) -> _T:
        """Call a function in a task of its own, in a context that has nothing in common with any other."""

        async def call() -> _T:
            CALLER.set("someone else")
            return function(*args)

        return await self.loop.create_task(call(), context=Context())

    def take_reports(self) -> list[dict[str, Any]]:
        """Return what was reported so far; it no longer makes the check fail."""
        reports, self.reports = self.reports, []
        return reports

    def take_report(self, exc: BaseException) -> dict[str, Any]:
        """Return the one report, which is about an exception."""
        reports = self.take_reports()
        expect_equal(len(reports), 1, f"reports to the loop's exception handler about {exc!r}")
        expect(reports[0].get("exception") is exc, f"the report is about {reports[0].get('exception')!r}, not {exc!r}")
        return reports[0]

    async def _aborted(self, transports: tuple[Any, ...]) -> None:
        """Abort transports and let their callbacks come."""
        for transport in transports:
            with contextlib.suppress(Exception):
                getattr(transport, "abort", transport.close)()
        await self.turns(5)


class StreamTrial(Trial[StreamSubject]):
    """What a check of a stream transport is given."""

    async def pair(self, left: Any = None, right: Any = None) -> tuple[Transport, Transport]:
        """Make a connected pair with these protocols, or with ones that only record; it lives as long as the trial."""
        left = Recorder() if left is None else left
        right = Recorder() if right is None else right
        pair = await self._stack.enter_async_context(self.subject.make_pair(lambda: left, lambda: right))
        self._stack.push_async_callback(self._aborted, pair)
        return pair

    async def settle(self) -> None:
        """Wait until whatever could still happen has happened: until bytes sent later have crossed another pair."""
        arrival = Recorder()
        async with self.subject.make_pair(Recorder, lambda: arrival) as pair:
            for trip in range(1, 4):
                pair[0].write(b".")
                await arrival.received(trip)
            await self._aborted(pair)

    async def fill(self, transport: Transport) -> int:
        """Write until the peer, which must have paused reading, takes no more; return how much was written."""
        for count in range(1, _MOST_BLOCKS):
            transport.write(_BLOCK)
            if transport.get_write_buffer_size():
                return count * len(_BLOCK)
            await asyncio.sleep(0)
        raise CheckFailed(f"{_MOST_BLOCKS * len(_BLOCK)} bytes left the write buffer though the peer reads nothing")

    async def filled_pair(self, left: Any = None, right: Any = None) -> tuple[Transport, Transport, int]:
        """Make a pair whose right end is paused and whose left end has a write buffer that is not empty."""
        left_transport, right_transport = await self.pair(left, right)
        right_transport.pause_reading()
        left_transport.set_write_buffer_limits(high=2**30)
        return left_transport, right_transport, await self.fill(left_transport)

    async def drained(self, transport: Transport) -> None:
        """Wait until the write buffer, which the peer is emptying, has been sent."""
        try:
            async with asyncio.timeout(PATIENCE.get()):
                while transport.get_write_buffer_size():  # noqa: ASYNC110
                    await asyncio.sleep(0)
        except TimeoutError:
            raise CheckFailed(f"{transport.get_write_buffer_size()} bytes still wait to be sent") from None


class DatagramTrial(Trial[DatagramSubject]):
    """What a check of a datagram transport is given."""

    async def pair(self, left: Any = None, right: Any = None) -> tuple[DatagramTransport, DatagramTransport]:
        """Make a pair of endpoints, the left one connected to the right one; it lives as long as the trial."""
        left = DatagramRecorder() if left is None else left
        right = DatagramRecorder() if right is None else right
        pair = await self._stack.enter_async_context(self.subject.make_pair(lambda: left, lambda: right))
        self._stack.push_async_callback(self._aborted, pair)
        return pair


class LoopTrial(Trial[LoopSubject]):
    """What a check of a loop is given."""


class PluginTrial(Trial[PluginSubject]):
    """What a check of a plug-in is given."""
