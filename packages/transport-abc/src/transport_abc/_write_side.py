"""The writing half of a transport that owns a descriptor.

Theory of operation. ``write`` sends at once while nothing is buffered, which is nearly always; what the kernel does
not take is kept in a queue and sent when the descriptor becomes writable, many pieces with one system call. One
attribute, ``_direct``, stands for "open, no end of file written, nothing buffered", so that the fast path has one
test.

What is kept is immutable: the rest of a ``bytes`` object is kept as a view of it, without a copy; of everything else
the rest is copied before the call returns, so that a caller who reuses its buffer cannot change what reaches the
wire.
"""

from __future__ import annotations

import os
from collections import deque
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from transport_abc._flow import FlowControl
from transport_abc._owner import NOTHING, DescriptorOwner
from transport_abc._transports import WriteTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed import ReadableBuffer

__all__ = ["WriteSide"]

_IOV_MAX = 1024  # the limit of sendmsg(2) and writev(2) on Linux and the BSDs
_JOIN_MAX = 64 * 1024  # so that joining needs no memory that malloc has to get from the system
_JOIN_EACH = 4 * 1024  # guessed: up to this size of the pieces, one copy costs less than a vector for each

_write = os.write


def _flat(data: Any) -> Any:
    """Return a bytes-like object as bytes or as a contiguous view of single bytes.

    Raises:
        TypeError: if the object is not bytes-like.
    """
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}") from None
    return view.cast("B") if view.nbytes and view.c_contiguous else view.tobytes()


class WriteSide(DescriptorOwner, FlowControl, WriteTransport):
    """Send to a descriptor, and keep what it does not take.

    A subclass sets ``_fd``, ``_send`` and ``_send_lines``: functions that send one buffer, or several, and return how
    many bytes were taken; they raise BlockingIOError when none can be.
    """

    __slots__ = ()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._buffer_size

    def can_write_eof(self) -> bool:
        """Return True: a descriptor's writing half can be closed alone."""
        return True

    def write(self, data: ReadableBuffer) -> None:
        """Send bytes without blocking, or buffer what cannot be sent; see :class:`transport_abc.WriteTransport`."""
        if self._direct and type(data) is bytes:
            fd = self._plain_fd
            try:
                sent = self._send(data) if fd is None else _write(fd, data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as exc:
                self._fail(exc)
                return
            if sent != len(data):
                self._keep(memoryview(data)[sent:])
            return
        self._write_any(_flat(data))

    def _write_any(self, data: bytes | memoryview) -> None:
        """Write what is not bytes, or while something is buffered, or after the end."""
        if self._accepts("write") and len(data):
            if self._direct:
                self._send_now([data])
            else:
                self._keep(bytes(data))

    def writelines(self, list_of_data: Iterable[ReadableBuffer]) -> None:
        """Send several bytes-like objects with one system call; see :class:`transport_abc.WriteTransport`."""
        chunks = [chunk for chunk in map(_flat, list_of_data) if len(chunk)]
        if not self._accepts("writelines") or not chunks:
            return
        if not self._direct:
            self._keep(*map(bytes, chunks))
        elif sum(map(len, chunks)) <= min(_JOIN_MAX, len(chunks) * _JOIN_EACH):
            self.write(b"".join(chunks))
        else:
            self._send_now(chunks)

    def _accepts(self, method: str) -> bool:
        """Tell whether more may be written; a write on a connection that is gone is dropped and counted."""
        if self._eof:
            raise RuntimeError(f"Cannot call {method}() after write_eof()")
        if self._closing:
            self._count_dropped()
        return not self._closing

    def _send_now(self, chunks: list[bytes | memoryview]) -> None:
        """Send pieces of which some may be mutable, and keep a copy of what is not taken."""
        try:
            sent = self._send_some(chunks)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._fail(exc)
            return
        rest = deque(chunks)
        _drop_sent(rest, sent)
        if rest:
            self._keep(*(chunk if type(chunk) is bytes else bytes(chunk) for chunk in rest))

    def _send_some(self, chunks: Sequence[bytes | memoryview]) -> int:
        """Send one piece or several with one system call, and return how many bytes were taken."""
        fd = self._plain_fd
        if len(chunks) == 1:
            return self._send(chunks[0]) if fd is None else _write(fd, chunks[0])
        some = [*islice(chunks, _IOV_MAX)]
        return self._send_lines(some) if fd is None else os.writev(fd, some)

    def _keep(self, *chunks: bytes | memoryview) -> None:
        """Buffer immutable pieces, to be sent when the descriptor becomes writable."""
        if self._direct:
            self._direct = False
            self._readiness.start_writing(self._fd, partial(self._context.run, self._write_ready))
        if self._buffer is NOTHING:
            self._buffer = deque()
        self._buffer.extend(chunks)
        self._buffer_size += sum(map(len, chunks))
        self._check_pause()

    def _write_ready(self) -> None:
        """Send what is buffered, once; called straight from the poll result.

        Going on with what the protocol writes in its place would fill the kernel's buffers with megabytes, which are
        out of the processor's cache when they are read.
        """
        buffer = self._buffer
        try:
            sent = self._send_some(buffer)
        except (BlockingIOError, InterruptedError):
            return
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._fail(exc, "Fatal write error on transport")
            return
        _drop_sent(buffer, sent)
        self._buffer_size -= sent
        self._check_resume()
        if not self._buffer_size and not self._conn_lost:
            self._drained()

    def _drained(self) -> None:
        """Do what waited for the buffer to be empty."""
        self._readiness.stop_writing(self._fd)
        if self._closing:
            self._finish()
        elif self._eof:
            self._half_close()
        else:
            self._direct = True
            self._buffer = NOTHING

    def write_eof(self) -> None:
        """Close the writing half once what is buffered has been sent."""
        if self._closing or self._eof:
            return
        self._eof = True
        if self._direct:  # else something is buffered, and _drained() follows
            self._direct = False
            self._half_close()

    def _half_close(self) -> None:
        try:
            self._shutdown_write()
        except OSError as exc:
            self._fail(exc)

    def _shutdown_write(self) -> None:
        """Close the writing half of the descriptor; a hook for subclasses."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the transport once what is buffered has been sent."""
        if self._closing:
            return
        self._closing = True
        self._direct = False
        if self._buffer_size:
            self._stop_receiving()
        else:
            self._finish()  # which stops everything

    def _stop_receiving(self) -> None:
        """Stop the reading half, if there is one; a hook for subclasses."""

    def _finish(self) -> None:
        """Lose the connection in good order."""
        self._detach()
        self._lose(None)

    def _detach(self) -> None:
        self._direct = False
        self._buffer = NOTHING
        self._buffer_size = 0
        self._unwatch()

    def _unwatch(self) -> None:
        """Stop watching the descriptor; a hook for subclasses that do not own all that is watched on it."""
        self._readiness.release(self._fd)

    def _describe(self) -> list[str]:
        return [*super()._describe(), f"fd={self._fd}", f"write_buffer={self._buffer_size}"]


def _drop_sent(buffer: deque[bytes | memoryview], sent: int) -> None:
    """Remove the first bytes from a queue of pieces."""
    while sent:
        first = buffer.popleft()
        if sent < len(first):
            buffer.appendleft(memoryview(first)[sent:])
            return
        sent -= len(first)
