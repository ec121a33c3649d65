"""Much data into or out of a pipe, by way of two connected sockets.

Theory of operation. What is written to a pipe is copied into pages, each of which is allocated and given back alone,
while the pipe is locked: its two processes work in turn, and spend the other's turn spinning. A socket has 32 KiB in
one piece, and both sides copy at the same time. splice(2) carries what is in a socket over into a pipe, or from a pipe
into a socket, without copying it, as references to the memory. So to write to a socket, and let the system carry it
over, costs little more than half of writing to the pipe, and the reader saves as much. Reading gains less, a tenth:
there the other process has filled the pages already. That process has a pipe as before, and cannot tell.

What is in the sockets and not in the pipe yet is not sent: it stays in the queue of the transport, which gives it
again, and then it is skipped. So flow control, errors and closing need to know nothing of the sockets, and the
transport can go on without them at any moment.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Relay"]

_ROOM = 208 * 1024
"""Bytes that a socket may hold: what Linux allows everybody. It doubles that for its own needs; 256 KiB have room."""


class Relay:
    """Write into a pipe, or read from one, with splice(2).

    Args:
        pipe: the descriptor of one end, in non-blocking mode.

    Raises:
        OSError: if there are no descriptors for the sockets.
    """

    __slots__ = ("_far", "_near", "_pipe", "waiting")

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self.waiting = 0
        """Bytes that were written and are not in the pipe yet."""
        self._near, self._far = socket.socketpair()
        self._far.setblocking(False)
        for sock in (self._near, self._far):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)

    def send(self, chunks: Sequence[bytes | memoryview]) -> int:
        """Return how many bytes, from the first on, have reached the pipe; the others must be given again.

        Raises:
            BlockingIOError: if the pipe is full.
            BrokenPipeError: if it has no reader any more.
            OSError: if the system does not do this; os.writev may.
        """
        if not self.waiting:
            self.waiting = self._near.sendmsg(chunks, (), socket.MSG_DONTWAIT)
        moved = os.splice(self._far.fileno(), self._pipe, self.waiting, flags=os.SPLICE_F_NONBLOCK)
        self.waiting -= moved
        return moved

    def fetch(self, limit: int) -> int:
        """Move at most so many bytes out of the pipe, for :meth:`take`, and return how many; none at the end of file.

        Raises:
            BlockingIOError: if the pipe is empty.
            OSError: if the system does not do this; os.read may.
        """
        return os.splice(self._pipe, self._far.fileno(), limit, flags=os.SPLICE_F_NONBLOCK)

    def take(self, size: int) -> bytes:
        """Return what was fetched."""
        return self._near.recv(size, socket.MSG_WAITALL) if size else b""

    def close(self) -> None:
        """Close the sockets; what is in them is lost."""
        self._near.close()
        self._far.close()
