"""The reading half of a transport that owns a descriptor.

Theory of operation. Each readable event receives once, and goes on only while all that was asked for is there each
time, up to a bound, so that one busy connection cannot starve the others. To empty a socket that a fast peer fills
costs half as much as to ask the poller between any two pieces, because the peer is woken less often.

A protocol that is called with ``bytes`` gets the object that ``recv`` made: its memory is allocated for the limit and
cut to what came. That costs less than a copy out of a shared buffer, as long as the limit stays below the size from
which malloc asks the system for a mapping of its own (128 KiB with glibc): at 256 KiB each read may cost 20
microseconds of page faults. A socket of our own is read up to just below that: a message of 100 KiB then is one read,
not two, and costs a quarter less. A BufferedProtocol receives into its own memory.
"""

from __future__ import annotations

import asyncio
import os
from types import MethodType
from typing import TYPE_CHECKING, Any

from transport_abc._owner import DescriptorOwner
from transport_abc._transports import ReadTransport

if TYPE_CHECKING:
    from transport_abc._protocols import BaseProtocol

__all__ = ["RECEIVE_LIMIT", "ReadSide"]

RECEIVE_LIMIT = 64 * 1024
"""Bytes received at most for one ``data_received``, by the function of a subclass."""

_PLAIN_LIMIT = 120 * 1024
"""The same, by os.read."""

_MOST_PIECES = 16
"""Times that one readable event may receive."""

_read = os.read


def _is_buffered(protocol: object) -> bool:
    """Tell whether a protocol wants to be asked for its buffer; also one that inherits from nothing."""
    if isinstance(protocol, asyncio.BufferedProtocol):
        return True
    return not isinstance(protocol, asyncio.Protocol) and hasattr(protocol, "get_buffer")


class ReadSide(DescriptorOwner, ReadTransport):
    """Receive from a descriptor and hand the bytes to the protocol.

    A subclass sets ``_fd`` and two functions: ``_receive`` returns at most so many bytes, none at the end of file;
    ``_receive_into`` fills a buffer and returns the number of bytes, 0 at the end of file. Both raise BlockingIOError
    when there is nothing to receive.
    """

    __slots__ = ()

    def set_protocol(self, protocol: BaseProtocol | asyncio.BaseProtocol) -> None:
        """Give the callbacks that follow to another protocol, which may be of the other kind of receiving."""
        self._protocol = protocol
        buffered = _is_buffered(protocol)
        if buffered is not self._buffered:
            self._buffered = buffered
            self._watch()

    def is_reading(self) -> bool:
        """Return True if the transport is receiving: neither paused nor closing."""
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        """Stop receiving; no ``data_received`` comes until :meth:`resume_reading`. May be called twice."""
        if self.is_reading():
            self._paused = True
            self._stop_reading()

    def resume_reading(self) -> None:
        """Receive again. May be called twice."""
        if self._paused:
            self._paused = False
            self._watch()

    def _begin_reading(self) -> None:
        """Start receiving, unless ``connection_made`` paused or closed the transport."""
        self._started = True
        self._watch()

    def _watch(self) -> None:
        """Register with the loop, if there is anything to be received."""
        if self._started and not self._paused and not self._closing and not self._eof_received:
            receive = self._fill_ready if self._buffered else self._read_ready
            # What partial() would make, in less than half the memory, of which each connection has one.
            self._readiness.start_reading(self._fd, MethodType(self._context.run, receive))

    def _stop_reading(self) -> None:
        if self._started:
            self._readiness.stop_reading(self._fd)

    def _read_ready(self) -> None:
        """Receive and call ``data_received``; the hot path, called straight from the poll result."""
        fd = self._plain_fd
        limit = RECEIVE_LIMIT if fd is None else _PLAIN_LIMIT
        pieces = _MOST_PIECES
        while True:
            try:
                data = self._receive(limit) if fd is None else _read(fd, limit)
            except (BlockingIOError, InterruptedError):
                return
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as exc:
                self._fail(exc, "Fatal read error on transport")
                return
            size = len(data)
            if not size:
                self._at_eof()
                return
            try:
                self._protocol.data_received(data)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as exc:
                self._callback_failed("data_received", exc)
            if size != limit:
                return
            pieces -= 1
            if not pieces or self._buffered or not self.is_reading():
                return
            data = b""  # frees its memory, for the next piece to be put in the same place

    def _fill_ready(self) -> None:
        """Receive once into the protocol's own buffer and call ``buffer_updated``."""
        buffer = self._next_buffer()
        if self._closing:  # get_buffer() failed, or it closed the transport
            return
        try:
            fd = self._plain_fd
            nbytes = self._receive_into(buffer) if fd is None else os.readv(fd, (buffer,))
        except (BlockingIOError, InterruptedError):
            return
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._fail(exc, "Fatal read error on transport")
            return
        if not nbytes:
            self._at_eof()
            return
        try:
            self._protocol.buffer_updated(nbytes)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed("buffer_updated", exc)

    def _next_buffer(self) -> Any:
        """Ask the protocol for the memory to receive into."""
        try:
            buffer = self._protocol.get_buffer(-1)
            if not len(buffer):
                raise RuntimeError("get_buffer() returned an empty buffer")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed("get_buffer", exc)
        else:
            return buffer

    def _at_eof(self) -> None:
        """Call ``eof_received``, and close unless the protocol wants to go on writing."""
        self._eof_received = True
        lives_on: Any = True  # also if KeyboardInterrupt leaves the loop
        try:
            lives_on = self._call_inside("eof_received")
        finally:
            if lives_on or self._buffer_size:  # else the end of the transport stops everything at once
                self._stop_reading()
        if not lives_on:
            self.close()
