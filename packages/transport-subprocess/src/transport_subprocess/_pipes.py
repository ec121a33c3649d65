"""The transports of one end of a pipe, FIFO, socket, terminal or other character device.

Both are what the bases of transport_abc make of a descriptor; what is special about pipes is here:

* The writing end learns that its reader is gone with nothing to write, because it is watched for reading: epoll reports
  EPOLLERR for a pipe whose last reader has closed, which calls the reading callback (pipe(7), epoll_ctl(2)). A socket
  may be readable for another reason, so the callback asks poll(2) what is the matter.
* A pipe has no half to close: ``write_eof`` closes it, and so does the end of file.
* A terminal whose other side is closed reports EIO (Linux, of the master) where a pipe reports the end of file.
* Both processes run longer before they wait for each other when the pipe holds more than the usual 64 KiB. A pipe to a
  child is enlarged when it is first found full, so that idle ones do not use up what the user may have (pipe(7),
  "/proc/sys/fs/pipe-user-pages-soft"), and emptied at once as long as there is much in it. From then on what is much
  takes the way of ``_relay``, which costs less.
* Devices that are always ready (``/dev/null`` as standard input) cannot be watched by epoll, which says EPERM. They are
  read once in each turn of the loop.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
from functools import partial
from typing import TYPE_CHECKING, Any

from transport_abc import Endpoint, ReadSide, WriteSide
from transport_subprocess._blocking import give_back, make_non_blocking
from transport_subprocess._relay import Relay

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from contextvars import Context

    from transport_abc import BaseProtocol, TransportLoop

__all__ = ["ReadPipeTransport", "WritePipeTransport"]

_LARGE = 256 * 1024
"""Bytes that a busy pipe holds, and that are read from it at once."""

_MUCH = 64 * 1024
"""Bytes that are written to a large pipe by way of a socket, at least: splice(2) would give each small write a page of
the pipe. From a reader who takes less at a time, that is a slow one, the detour has nothing to save."""

_READER_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


_held: dict[int, Any] = {}
"""Keeps the files of open transports from being collected together with them, which would close the file first."""


class _PipeEnd(Endpoint):
    """Own the file object of one end of a pipe.

    Args:
        loop: any asyncio loop.
        protocol: the receiver of the callbacks.
        pipe: a file object with ``fileno()`` and ``close()``; the transport owns it and closes it.
        private: True for our end of a new pipe: nobody else shares its mode, and it may be enlarged.
        context: the context in which all callbacks run; a copy of the current one by default.

    Raises:
        ValueError: if ``pipe`` is a regular file, a folder or a block device.
    """

    _kinds: str
    _is_large = False
    _relay: Relay | None = None
    _pipe: Any = None
    _mode: Any = None

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        pipe: Any,
        *,
        private: bool = False,
        context: Context | None = None,
    ) -> None:
        self._fd = fd = pipe.fileno()
        self._may_enlarge = private
        self._file_type = stat.S_IFIFO if private else stat.S_IFMT(os.fstat(fd).st_mode)
        if self._file_type not in (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR):
            raise ValueError(self._kinds)
        if private:
            os.set_blocking(fd, False)
        else:
            self._mode = make_non_blocking(fd)
            _held[id(pipe)] = pipe
        self._pipe = pipe
        super().__init__(loop, protocol, context=context, extra={"pipe": pipe})

    def _enlarge(self) -> bool:
        """Let a pipe that was found full hold more, and tell whether it does."""
        if self._may_enlarge:
            self._may_enlarge = False
            if hasattr(fcntl, "F_SETPIPE_SZ"):
                with contextlib.suppress(OSError):  # the user's pipes hold as much as they may
                    self._is_large = fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _LARGE) >= _LARGE
            if self._is_large and hasattr(os, "splice"):
                with contextlib.suppress(OSError):  # no descriptors are left
                    self._relay = Relay(self._fd)
        return self._is_large

    def _drop_relay(self) -> None:
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def _close_resource(self) -> None:
        self._drop_relay()
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            _held.pop(id(pipe), None)
            if self._mode is not None:
                give_back(self._fd, self._mode)
            pipe.close()

    def __del__(self) -> None:
        # CPython's tests take a pipe away from its transport by setting the attribute to None.
        if self._pipe is not None:
            super().__del__()


class ReadPipeTransport(_PipeEnd, ReadSide):
    """Read from a pipe; see :func:`asyncio.loop.connect_read_pipe` in the Python documentation.

    At the end of file ``eof_received`` is called and the transport closes, whatever that returns.
    """

    _kinds = "Pipe transport is for pipes/sockets only."
    _busy = False
    _turn: asyncio.Handle | None = None

    def _receive(self, limit: int) -> bytes:
        try:
            data = self._receive_much() if self._busy else os.read(self._fd, limit)
        except OSError as exc:
            if self._is_hang_up(exc):
                return b""
            raise
        # A large object that is filled by less is cut to size at the cost of page faults.
        self._busy = len(data) >= limit and self._enlarge()
        return data

    def _receive_much(self) -> bytes:
        relay = self._relay
        if relay is not None:
            try:
                size = relay.fetch(_LARGE)
            except BlockingIOError:
                raise
            except OSError:
                self._drop_relay()
            else:
                return relay.take(size)
        return os.read(self._fd, _LARGE)

    def _receive_into(self, buffer: Any) -> int:
        try:
            return os.readv(self._fd, (buffer,))
        except OSError as exc:
            if self._is_hang_up(exc):
                return 0
            raise

    def _is_hang_up(self, exc: OSError) -> bool:
        return exc.errno == errno.EIO and self._file_type == stat.S_IFCHR

    def _watch(self) -> None:
        if self._turn is None:
            try:
                super()._watch()
            except PermissionError:
                self._read_in_turn()

    def _read_in_turn(self) -> None:
        """Read a device that is always ready, as long as the protocol wants to read."""
        self._turn = None
        if self.is_reading() and not self._eof_received:
            self._turn = self._loop.call_soon(self._read_in_turn, context=self._context)
            self._fill_ready() if self._buffered else self._read_ready()

    def _at_eof(self) -> None:
        self._eof_received = True
        self._stop_reading()
        self._call("eof_received")
        self.close()

    def _detach(self) -> None:
        self._stop_reading()

    def _describe(self) -> list[str]:
        return [*super()._describe(), f"fd={self._fd}"]


class WritePipeTransport(_PipeEnd, WriteSide):
    """Write to a pipe; see :func:`asyncio.loop.connect_write_pipe` in the Python documentation.

    When the reader goes away the transport is lost at once: with BrokenPipeError if something was still to be written,
    else without an error.
    """

    _kinds = "Pipe transport is only for pipes, sockets and character devices"
    _watched = False
    _is_fast = False

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        pipe: Any,
        *,
        private: bool = False,
        context: Context | None = None,
    ) -> None:
        super().__init__(loop, protocol, pipe, private=private, context=context)
        self._send = partial(os.write, self._fd)
        self._send_lines = partial(os.writev, self._fd)

    def _keep(self, *chunks: bytes | memoryview) -> None:
        if self._may_enlarge:
            self._enlarge()
            if self._relay is not None:
                self._send, self._send_lines = self._send_much, self._send_much_of
        super()._keep(*chunks)

    def _send_much(self, data: bytes | memoryview) -> int:
        return self._send_much_of((data,))

    def _send_much_of(self, chunks: Sequence[bytes | memoryview]) -> int:
        relay = self._relay
        if relay is not None and (relay.waiting or (self._is_fast and sum(map(len, chunks)) >= _MUCH)):
            sent = self._relayed(relay, chunks)
        else:
            sent = os.writev(self._fd, chunks)
        self._is_fast = sent >= _MUCH
        return sent

    def _relayed(self, relay: Relay, chunks: Sequence[bytes | memoryview]) -> int:
        try:
            return relay.send(chunks)
        except (BlockingIOError, BrokenPipeError):
            raise
        except OSError:
            self._drop_relay()
        return os.writev(self._fd, chunks)

    def write_eof(self) -> None:
        """Close the pipe once what is buffered has been written, which is how its reader sees the end of file."""
        if not self._closing:
            self._eof = True
            self.close()

    def _begin_reading(self) -> None:
        """Watch for the reader going away. Not on a terminal: typing there would have to be read."""
        if self._file_type != stat.S_IFCHR and not self._conn_lost:
            self._watched = True
            self._readiness.start_reading(self._fd, partial(self._context.run, self._reader_ready))

    def _reader_ready(self) -> None:
        poll = select.poll()
        poll.register(self._fd, _READER_GONE)
        if poll.poll(0):
            self._force_close(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) if self._buffer_size else None)
        else:  # a socket, or a FIFO opened for both: what comes in is for another reader and must not keep us busy
            self._unwatch_reader()

    def _unwatch_reader(self) -> None:
        if self._watched:
            self._watched = False
            self._readiness.stop_reading(self._fd)

    def _unwatch(self) -> None:
        # Not release(): a ReadPipeTransport may use the same descriptor, a terminal's.
        self._unwatch_reader()
        self._readiness.stop_writing(self._fd)
