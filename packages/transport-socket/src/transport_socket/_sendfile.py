"""Send a file through a stream socket without copying it into the process: os.sendfile.

Theory of operation. What was written before goes first, so the coroutine waits until the write buffer is empty. From
then on it alone sends: the transport looks as if something were buffered (``_direct`` is False), and whatever wants to
write is refused. Reading is paused meanwhile. Whenever the socket takes no more, the coroutine waits for the poller,
and it gives way to it between any two calls, since a fast peer would otherwise hold the loop for the whole of the file.

However it ends, the position of the file is right behind the last byte that was sent, and the transport is as before,
unless the connection is lost, which os.sendfile may be the first to see.

Source: Python documentation, "Event Loop", ``loop.sendfile``; sendfile(2).
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import IO

from transport_abc import DescriptorTransport

__all__ = ["SendfileTransport"]

_LARGEST = 1 << 30
"""Bytes that one call of os.sendfile is asked for; Linux sends at most 2 GiB."""


class SendfileTransport(DescriptorTransport):
    """Add ``_sendfile``, which ``loop.sendfile`` looks for, to a transport over a stream socket."""

    _sending_file = False
    _turn: asyncio.Future[None] | None = None

    async def _sendfile(self, file: IO[bytes], offset: int, count: int | None) -> int:
        """Send a part of a file and return the number of bytes sent.

        Args:
            file: a regular file, opened in binary mode.
            offset: where to begin, in bytes.
            count: how many bytes to send; None for all up to the end of the file.

        Raises:
            RuntimeError: if the transport sends a file already, or no more after ``write_eof``.
            asyncio.SendfileNotAvailableError: if the system cannot do this with this file; nothing was sent.
            ConnectionError: if the connection is lost.
        """
        if not self._accepts("sendfile"):
            raise RuntimeError("Transport is closing")
        source = _descriptor_of(file)
        was_reading = self.is_reading()
        self.pause_reading()
        self._sending_file = True
        self._direct = False
        try:
            if self._buffer_size:
                await self._next_turn()
            return await self._send_all(source, file, offset, count)
        finally:
            self._sending_file = False
            if not self._closing:
                self._direct = not self._buffer_size and not self._eof
                if was_reading:
                    self.resume_reading()

    async def _send_all(self, source: int, file: IO[bytes], offset: int, count: int | None) -> int:
        sent = 0
        try:
            while sent != count:
                size = _LARGEST if count is None else min(count - sent, _LARGEST)
                try:
                    done = os.sendfile(self._fd, source, offset + sent, size)
                    if not done:
                        break
                    sent += done
                except (BlockingIOError, InterruptedError):
                    pass
                if sent != count:
                    await self._until_writable()
        except ConnectionError as exc:
            self._fail(exc)
            raise
        except OSError as exc:
            if sent:
                raise
            raise asyncio.SendfileNotAvailableError("os.sendfile call failed") from exc
        finally:
            if sent:
                file.seek(offset + sent)
        return sent

    # -- waiting ---------------------------------------------------------------------------------------------------

    async def _until_writable(self) -> None:
        self._readiness.start_writing(self._fd, partial(self._context.run, self._take_turn))
        try:
            await self._next_turn()
        finally:
            if not self._closing:
                self._readiness.stop_writing(self._fd)

    async def _next_turn(self) -> None:
        """Wait for :meth:`_take_turn`.

        Raises:
            ConnectionError: if the connection is lost meanwhile.
        """
        self._turn = self._loop.create_future()
        try:
            await self._turn
        finally:
            self._turn = None

    def _take_turn(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def _drained(self) -> None:
        if self._sending_file and not self._closing and not self._eof:
            self._readiness.stop_writing(self._fd)
            self._take_turn()
        else:
            super()._drained()

    # -- what others may not do meanwhile --------------------------------------------------------------------------

    def _accepts(self, method: str) -> bool:
        if self._sending_file:
            raise RuntimeError(f"unable to {method}; sendfile is in progress")
        return super()._accepts(method)

    def write_eof(self) -> None:
        """Close the writing half once what is buffered has been sent.

        Raises:
            RuntimeError: while a file is being sent.
        """
        if self._sending_file:
            raise RuntimeError("unable to write_eof; sendfile is in progress")
        super().write_eof()

    def _detach(self) -> None:
        super()._detach()
        if self._turn is not None and not self._turn.done():
            self._turn.set_exception(ConnectionAbortedError("Connection closed while a file was being sent"))


def _descriptor_of(file: IO[bytes]) -> int:
    """Return a descriptor that os.sendfile may accept.

    Raises:
        asyncio.SendfileNotAvailableError: if there is none.
    """
    if not hasattr(os, "sendfile"):
        raise asyncio.SendfileNotAvailableError("os.sendfile() is not available")
    try:
        return file.fileno()
    except (AttributeError, OSError) as exc:  # io.UnsupportedOperation is an OSError
        raise asyncio.SendfileNotAvailableError("not a regular file") from exc
