"""Receiving from transports of other implementations, a bounded piece at a time.

asyncio's own transports allocate 256 KiB for each ``data_received``, and hand over that much even if the protocol
pauses in the middle. A BufferedProtocol says how much it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc import BufferedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from transport_abc import Protocol

__all__ = ["Receiver"]


class Receiver(BufferedProtocol):
    """Stand between a transport and a wrapper above it; receive into a buffer, and pass everything on.

    Args:
        wrapper: the protocol that is told everything else.
        receive: takes what was received.
        memory: where to receive; it is emptied before anything else can be received.
    """

    __slots__ = ("_memory", "_receive", "_wrapper")

    def __init__(self, wrapper: Protocol, receive: Callable[[bytes | memoryview], None], memory: memoryview) -> None:
        self._wrapper = wrapper
        self._receive = receive
        self._memory = memory

    def get_buffer(self, sizehint: int) -> WriteableBuffer:
        """Return the memory."""
        return self._memory

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what was received into the memory."""
        self._receive(self._memory[:nbytes])

    def data_received(self, data: bytes) -> None:
        """Pass on what a transport that does not ask for a buffer has received."""
        self._receive(data)

    def eof_received(self) -> bool | None:
        """Pass the end of file on."""
        return self._wrapper.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the loss on."""
        self._wrapper.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass the state of the write buffer below on."""
        self._wrapper.pause_writing()

    def resume_writing(self) -> None:
        """Pass the state of the write buffer below on."""
        self._wrapper.resume_writing()
