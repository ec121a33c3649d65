"""Protocols that keep what a transport calls, and let a check wait for it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from transport_abc._protocols import BufferedProtocol, DatagramProtocol, Protocol
from transport_abc.testing._check import PATIENCE, CheckFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from transport_abc._transports import DatagramTransport, Transport

__all__ = ["BufferedRecorder", "DatagramRecorder", "Event", "Recorder", "StreamRecorder"]

CALLER: ContextVar[str] = ContextVar("caller", default="the check")
"""Who runs: a check sets it where it calls a transport, and looks at what the callbacks see."""

CALLS: ContextVar[int] = ContextVar("calls", default=0)
"""How many callbacks ran in this context: they count up only if it is the very same context for all."""


class Event(NamedTuple):
    """One callback: its name, what it saw in its context, and how many callbacks that context has seen."""

    name: str
    caller: str
    calls: int


class _Recording:
    """What all recorders share.

    Args:
        reactions: what to do in a callback, after it was noted, by the callback's name. The function gets the
            callback's arguments, and its result is the callback's.
    """

    transport: Any = None
    error: Exception | None = None

    def __init__(self, **reactions: Callable[..., Any]) -> None:
        self.events: list[Event] = []
        self._reactions = reactions
        self._waiters: list[asyncio.Future[None]] = []

    def _note(self, name: str, *args: Any) -> Any:
        CALLS.set(CALLS.get() + 1)
        self.events.append(Event(name, CALLER.get(), CALLS.get()))
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        reaction = self._reactions.get(name)
        return reaction(*args) if reaction else None

    def react(self, name: str, reaction: Callable[..., Any]) -> None:
        """Set the reaction to a callback."""
        self._reactions[name] = reaction

    # -- looking ---------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the names of the callbacks, in order."""
        return [event.name for event in self.events]

    def count(self, name: str) -> int:
        """Return how often a callback was called."""
        return self.names().count(name)

    def order(self) -> list[str]:
        """Return the order of the callbacks, a row of the same one counted as one, flow control left out."""
        row = [name for name in self.names() if name not in {"pause_writing", "resume_writing", "get_buffer"}]
        return [name for i, name in enumerate(row) if i == 0 or name != row[i - 1]]

    @property
    def paused(self) -> bool:
        """Tell whether the protocol has been asked to pause and not yet to resume."""
        return self.count("pause_writing") > self.count("resume_writing")

    # -- waiting ---------------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition holds, looking after every callback.

        Raises:
            CheckFailed: when the patience of :meth:`Check.run` has passed; the message says what was awaited.
        """
        patience = PATIENCE.get()
        try:
            async with asyncio.timeout(patience):
                while not condition():
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            seen = ", ".join(self.order()) or "none"
            raise CheckFailed(f"{what}: not within {patience:g} seconds; callbacks so far: {seen}") from None

    async def called(self, name: str, times: int = 1) -> None:
        """Wait until a callback has been called so often."""
        await self.until(lambda: self.count(name) >= times, f"{name}() called {times} times")

    async def lost(self) -> Exception | None:
        """Wait for ``connection_lost`` and return its argument."""
        await self.called("connection_lost")
        return self.error

    # -- callbacks -------------------------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self._note("connection_lost", exc)

    def pause_writing(self) -> None:
        self._note("pause_writing")

    def resume_writing(self) -> None:
        self._note("resume_writing")


class StreamRecorder(_Recording):
    """What the recorders of a stream share: the bytes received so far, in ``data``."""

    transport: Transport
    data: bytearray

    def __init__(self, **reactions: Callable[..., Any]) -> None:
        super().__init__(**reactions)
        self.data = bytearray()

    async def received(self, size: int) -> None:
        """Wait until so many bytes have been received."""
        await self.until(lambda: len(self.data) >= size, f"{size} bytes received")

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self._note("connection_made", transport)

    def eof_received(self) -> bool | None:
        keep_open: bool | None = self._note("eof_received")
        return keep_open


class Recorder(StreamRecorder, Protocol):
    """Keep the callbacks and the bytes of a stream.

    Args:
        reactions: what to do in a callback, after it was noted, by the callback's name. The function gets the
            callback's arguments, and its result is the callback's.

    Attributes:
        transport: the transport, once ``connection_made`` was called.
        data: the bytes received so far.
        error: what ``connection_lost`` was called with.
    """

    def data_received(self, data: bytes) -> None:
        self.data.extend(data)
        self._note("data_received", data)


class BufferedRecorder(StreamRecorder, BufferedProtocol):
    """Keep the callbacks and the bytes of a stream, received into one buffer.

    Args:
        buffer: what ``get_buffer`` returns.
        reactions: as for :class:`Recorder`; a reaction to ``get_buffer`` returns the buffer instead.

    Attributes:
        transport: as of :class:`Recorder`.
        data: as of :class:`Recorder`.
        error: as of :class:`Recorder`.
        buffer: what ``get_buffer`` returned last.
    """

    def __init__(self, buffer: WriteableBuffer | None = None, **reactions: Callable[..., Any]) -> None:
        super().__init__(**reactions)
        self.buffer: Any = bytearray(65536) if buffer is None else buffer

    def get_buffer(self, sizehint: int) -> WriteableBuffer:
        given = self._note("get_buffer", sizehint)
        if given is not None:
            self.buffer = given
        buffer: WriteableBuffer = self.buffer
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        with memoryview(self.buffer) as view, view.cast("B") as octets:
            self.data.extend(octets[:nbytes])
        self._note("buffer_updated", nbytes)


class DatagramRecorder(_Recording, DatagramProtocol):
    """Keep the callbacks and the datagrams of an endpoint.

    Args:
        reactions: as for :class:`Recorder`.

    Attributes:
        transport: the transport, once ``connection_made`` was called.
        datagrams: what was received so far, as ``(data, addr)``.
        errors: what ``error_received`` was called with.
        error: what ``connection_lost`` was called with.
    """

    transport: DatagramTransport

    def __init__(self, **reactions: Callable[..., Any]) -> None:
        super().__init__(**reactions)
        self.datagrams: list[tuple[bytes, Any]] = []
        self.errors: list[OSError] = []

    async def received(self, count: int) -> None:
        """Wait until so many datagrams have been received."""
        await self.until(lambda: len(self.datagrams) >= count, f"{count} datagrams received")

    def connection_made(self, transport: DatagramTransport) -> None:
        self.transport = transport
        self._note("connection_made", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.datagrams.append((data, addr))
        self._note("datagram_received", data, addr)

    def error_received(self, exc: OSError) -> None:
        self.errors.append(exc)
        self._note("error_received", exc)
