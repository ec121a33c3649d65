"""Send files: ``os.sendfile`` where it works, blocks read in a thread where it does not.

Theory of operation. ``os.sendfile`` moves bytes from a regular file to a socket without a copy into the process. It
is refused for other kinds of files, and cannot be used above TLS. Then the file is read in blocks, in the default
executor, and each block is sent when the one before it has gone. Whatever happens, the position of the file is in the
end right behind the last byte that was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import socket
from typing import IO, TYPE_CHECKING, Any

from loop_selector._pollers import WRITE
from loop_selector._sockets import check_socket

if TYPE_CHECKING:
    from loop_selector._loop import SelectorEventLoop

_SOCKET_BLOCK = 256 * 1024
"""Bytes that are read at once for a socket."""

_TRANSPORT_BLOCK = 16 * 1024
"""Bytes that are read at once for a transport."""

_LARGEST = 1 << 30
"""Bytes that are given to one call of os.sendfile."""

_WOULD_BLOCK = (BlockingIOError, InterruptedError)


def _check_arguments(file: Any, offset: Any, count: Any) -> None:
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")
    if count is not None:
        if not isinstance(count, int):
            raise TypeError(f"count must be a positive integer (got {count!r})")
        if count <= 0:
            raise ValueError(f"count must be a positive integer (got {count!r})")
    if not isinstance(offset, int):
        raise TypeError(f"offset must be a non-negative integer (got {offset!r})")
    if offset < 0:
        raise ValueError(f"offset must be a non-negative integer (got {offset!r})")


# -- over a socket -------------------------------------------------------------------------------------------------


async def sock_sendfile(
    loop: SelectorEventLoop,
    sock: socket.socket,
    file: IO[bytes],
    offset: int = 0,
    count: int | None = None,
    *,
    fallback: bool | None = True,
) -> int:
    """Send a file through a connected stream socket and return the number of bytes sent.

    Args:
        loop: the loop.
        sock: a non-blocking socket.
        file: a file opened in binary mode.
        offset: where to begin, in bytes.
        count: how many bytes to send; None: up to the end of the file.
        fallback: whether to read and send in blocks where ``os.sendfile`` does not work.

    Raises:
        asyncio.SendfileNotAvailableError: if it does not work and there is to be no fallback.
    """
    check_socket(loop, sock)
    _check_arguments(file, offset, count)
    if sock.type != socket.SOCK_STREAM:
        raise ValueError("only SOCK_STREAM type sockets are supported")
    try:
        return await _send_native(loop, sock, file, offset, count)
    except asyncio.SendfileNotAvailableError:
        if not fallback:
            raise
    return await _send_blocks(loop, sock, file, offset, count)


async def _send_native(
    loop: SelectorEventLoop, sock: socket.socket, file: IO[bytes], offset: int, count: int | None
) -> int:
    source = _regular_file(file)
    left = os.fstat(source).st_size if count is None else count
    if not left:
        return 0
    sent = 0
    wait = None
    try:
        while left:
            try:
                done = os.sendfile(sock.fileno(), source, offset + sent, min(left, _LARGEST))
            except _WOULD_BLOCK:
                wait = loop._waits.begin(sock, WRITE) if wait is None else wait
                await wait.ready()
                continue
            if not done:
                break
            sent += done
            left = left - done if count is not None else _LARGEST
            if left:
                # Give way to others: a fast peer would otherwise hold the loop for the whole of the file.
                await asyncio.sleep(0)
    except OSError as exc:
        raise _sendfile_error(exc, sent) from exc
    finally:
        if wait is not None:
            loop._waits.end(wait)
        os.lseek(source, offset + sent, os.SEEK_SET)
    return sent


def _regular_file(file: IO[bytes]) -> int:
    """Return the descriptor of a file that os.sendfile may accept."""
    if not hasattr(os, "sendfile"):
        raise asyncio.SendfileNotAvailableError("os.sendfile() is not available")
    try:
        descriptor = file.fileno()
        os.fstat(descriptor)
    except (AttributeError, OSError, io.UnsupportedOperation) as exc:
        raise asyncio.SendfileNotAvailableError("not a regular file") from exc
    return descriptor


def _sendfile_error(exc: OSError, sent: int) -> Exception:
    """Tell "this kind of file or socket will not do" from "the connection was lost"."""
    if exc.errno == errno.ENOTCONN and sent:
        return ConnectionError(errno.ENOTCONN, "socket is not connected")
    if not sent and not isinstance(exc, ConnectionError) and exc.errno != errno.EBADF:
        return asyncio.SendfileNotAvailableError("os.sendfile call failed")
    return exc


async def _send_blocks(
    loop: SelectorEventLoop, sock: socket.socket, file: IO[bytes], offset: int, count: int | None
) -> int:
    sent = 0
    if offset:
        file.seek(offset)
    buffer = memoryview(bytearray(min(count or _SOCKET_BLOCK, _SOCKET_BLOCK)))
    try:
        while block := await _read(loop, file, buffer, sent, count):
            await loop.sock_sendall(sock, block)
            sent += len(block)
        return sent
    finally:
        _set_position(file, offset, sent)


async def _read(loop: SelectorEventLoop, file: Any, buffer: memoryview, sent: int, count: int | None) -> memoryview:
    """Read the next block, in a thread; empty at the end."""
    if count is not None:
        buffer = buffer[: count - sent]
    if not buffer:
        return buffer
    got: int = await loop.run_in_executor(None, file.readinto, buffer)
    return buffer[:got]


def _set_position(file: IO[bytes], offset: int, sent: int) -> None:
    if sent and hasattr(file, "seek"):
        file.seek(offset + sent)


# -- over a transport ----------------------------------------------------------------------------------------------


async def sendfile(
    loop: SelectorEventLoop,
    transport: asyncio.WriteTransport,
    file: IO[bytes],
    offset: int = 0,
    count: int | None = None,
    *,
    fallback: bool = True,
) -> int:
    """Send a file through a stream transport and return the number of bytes sent.

    A transport that can send natively has a coroutine ``_sendfile(file, offset, count)``, which raises
    SendfileNotAvailableError where it cannot. All others get the file in blocks through ``write``.

    Args:
        loop: the loop.
        transport: the transport; it does not read meanwhile, and is usable afterwards.
        file: a file opened in binary mode.
        offset: where to begin, in bytes.
        count: how many bytes to send; None: up to the end of the file.
        fallback: whether to send in blocks where ``os.sendfile`` does not work.

    Raises:
        RuntimeError: if the transport is closing, or cannot do what was asked for.
        asyncio.SendfileNotAvailableError: if the system cannot and there is to be no fallback.
    """
    if transport.is_closing():
        raise RuntimeError("Transport is closing")
    mode = getattr(getattr(transport, "_sendfile_compatible", None), "name", None)
    if mode == "UNSUPPORTED" or (mode is None and not _is_stream(transport)):
        raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
    native = None if mode == "FALLBACK" else getattr(transport, "_sendfile", None)
    if native is None and not fallback:
        raise RuntimeError(f"fallback is disabled and native sendfile is not supported for transport {transport!r}")
    _check_arguments(file, offset, count)
    if native is not None:
        try:
            return await native(file, offset, count)  # type: ignore[no-any-return]
        except asyncio.SendfileNotAvailableError:
            if not fallback:
                raise
    return await _write_blocks(loop, transport, file, offset, count)


def _is_stream(transport: object) -> bool:
    # asyncio's own datagram transports are instances of both.
    return isinstance(transport, asyncio.Transport) and not isinstance(transport, asyncio.DatagramTransport)


async def _write_blocks(
    loop: SelectorEventLoop, transport: Any, file: IO[bytes], offset: int, count: int | None
) -> int:
    sent = 0
    if offset:
        file.seek(offset)
    buffer = memoryview(bytearray(min(count or _TRANSPORT_BLOCK, _TRANSPORT_BLOCK)))
    keeper = _Keeper(loop, transport)
    try:
        while block := await _read(loop, file, buffer, sent, count):
            await keeper.drain()
            transport.write(bytes(block))
            sent += len(block)
        return sent
    finally:
        _set_position(file, offset, sent)
        keeper.restore()


class _Keeper(asyncio.Protocol):
    """Stands in for the protocol of a transport while a file is sent: keeps it from writing into the middle of it.

    Args:
        loop: the loop.
        transport: the transport, whose protocol is put back by :meth:`restore`.
    """

    def __init__(self, loop: SelectorEventLoop, transport: Any) -> None:
        self._loop = loop
        self._transport = transport
        self._protocol: Any = transport.get_protocol()
        self._was_reading = transport.is_reading()
        self._was_paused = _is_over_mark(transport)
        self._writable: asyncio.Future[None] | None = loop.create_future() if self._was_paused else None
        transport.pause_reading()
        transport.set_protocol(self)

    async def drain(self) -> None:
        """Wait until the transport takes more."""
        if self._transport.is_closing():
            raise ConnectionError("Connection closed by peer")
        if self._writable is not None:
            await self._writable

    def pause_writing(self) -> None:
        """Hold back what comes next."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on."""
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    def data_received(self, data: bytes) -> None:
        """Refuse data, which cannot come while reading is paused."""
        raise RuntimeError("Invalid state: reading should be paused")

    def eof_received(self) -> bool | None:
        """Refuse the end of file, which cannot come while reading is paused."""
        raise RuntimeError("Invalid state: reading should be paused")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell both who sends the file and the protocol."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(exc or ConnectionError("Connection is closed by peer"))
            self._writable.exception()  # retrieved: the sender may be reading the file just now
        self._protocol.connection_lost(exc)

    def restore(self) -> None:
        """Put the protocol back, with the state it knows."""
        transport = self._transport
        paused, self._writable = self._writable is not None, None
        transport.set_protocol(self._protocol)
        if self._was_reading:
            with contextlib.suppress(RuntimeError):  # of a transport of others, closed meanwhile
                transport.resume_reading()
        if paused and not self._was_paused:
            self._protocol.pause_writing()
        elif self._was_paused and not paused:
            self._protocol.resume_writing()


def _is_over_mark(transport: Any) -> bool:
    """Return whether the transport has paused its protocol: private in asyncio, so derived from what is public."""
    known: bool | None = getattr(transport, "_protocol_paused", None)
    if known is not None:
        return known
    return bool(transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1])
