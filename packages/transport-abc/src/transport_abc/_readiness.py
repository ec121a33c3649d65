"""How a transport learns that its descriptor can be read or written.

Theory of operation. asyncio's ``add_reader`` allocates a handle, copies the caller's context and passes its queue of
ready callbacks; all of that is needless for a transport, whose callback never changes and has a context of its own. A
loop may therefore offer an object under the attribute ``readiness`` which calls plain functions straight from the
poll result. Every other asyncio loop is served through ``add_reader`` and ``add_writer`` by
:class:`AsyncioReadiness`. Transports talk to either through the one interface :class:`Readiness`.

The callback that a transport registers enters the transport's own context itself (``functools.partial(context.run,
f)``), handles its own exceptions, and lets only ``KeyboardInterrupt`` and ``SystemExit`` out.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport_abc._loop import TransportLoop
    from transport_abc._transports import BaseTransport

__all__ = ["RECEIVE_BUFFER_SIZE", "Readiness", "readiness_of"]

RECEIVE_BUFFER_SIZE = 256 * 1024
"""Bytes in the one receive buffer that all transports of a loop share; asyncio's read size."""


class Readiness(Protocol):
    """Watch descriptors for transports; a loop offers one as its attribute ``readiness``."""

    @property
    def buffer(self) -> memoryview:
        """Return the receive buffer that all transports of the loop share; valid until the next receive."""
        ...

    def claim(self, fd: int, owner: BaseTransport) -> None:
        """Note that a transport owns a descriptor, so that ``add_reader`` on it is refused."""

    def release(self, fd: int) -> None:
        """Stop watching a descriptor and forget its owner; call it before the descriptor is closed."""

    def start_reading(self, fd: int, callback: Callable[[], object]) -> None:
        """Call a function whenever the descriptor is readable, at end of file or in error; replaces an earlier one."""

    def stop_reading(self, fd: int) -> None:
        """Stop calling; no effect if nothing is registered. No call follows, not even from a result already polled."""

    def start_writing(self, fd: int, callback: Callable[[], object]) -> None:
        """Call a function whenever the descriptor is writable or in error; replaces an earlier one."""

    def stop_writing(self, fd: int) -> None:
        """Stop calling; no effect if nothing is registered. No call follows, not even from a result already polled."""


class _ThreadBuffer(threading.local):
    """One receive buffer per thread, which is one per running loop."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(RECEIVE_BUFFER_SIZE))


_thread_buffer = _ThreadBuffer()


class AsyncioReadiness:
    """Watch descriptors through the public methods of any asyncio loop."""

    __slots__ = ("_loop", "buffer")

    def __init__(self, loop: TransportLoop) -> None:
        self._loop = loop
        self.buffer = _thread_buffer.view

    def claim(self, fd: int, owner: BaseTransport) -> None:
        """Do nothing: asyncio keeps owners in a private table."""

    def release(self, fd: int) -> None:
        """Remove both callbacks."""
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)

    def start_reading(self, fd: int, callback: Callable[[], object]) -> None:
        """Register with ``add_reader``."""
        self._loop.add_reader(fd, callback)

    def stop_reading(self, fd: int) -> None:
        """Unregister with ``remove_reader``."""
        self._loop.remove_reader(fd)

    def start_writing(self, fd: int, callback: Callable[[], object]) -> None:
        """Register with ``add_writer``."""
        self._loop.add_writer(fd, callback)

    def stop_writing(self, fd: int) -> None:
        """Unregister with ``remove_writer``."""
        self._loop.remove_writer(fd)


def readiness_of(loop: TransportLoop) -> Readiness:
    """Return what watches descriptors for transports of this loop: its own object, or one over ``add_reader``."""
    own: Readiness | None = getattr(loop, "readiness", None)
    return AsyncioReadiness(loop) if own is None else own
