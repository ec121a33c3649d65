"""The raw socket methods, and the waiting beneath them.

Theory of operation. Each method tries the operation at once, and waits for readiness only if it would block. The
operation itself is always made in the awaiting task's own step, never in the readiness callback: a task that is
cancelled between the two finds the data still in the kernel, and nothing is lost.

A wait registers the descriptor and takes the registration back when the operation ends, however it ends. Several tasks
may wait for one socket; all of them are woken and try again.

A socket may be closed by its owner while a task waits. The kernel then forgets the registration without a word, so
nothing would ever wake the task. Whoever closes a socket runs in the loop's thread; hence the waits are looked
through when the loop has run everything and is about to sleep, and those whose socket is closed get an error. Many
waits are looked through less often, in order not to cost more than they save.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from loop_selector._pollers import READ, WRITE
from loop_selector._resolve import resolve_one

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer, WriteableBuffer

    from loop_selector._loop import SelectorEventLoop

_T = TypeVar("_T")

_FEW = 64
"""So many waits are looked through each time the loop is about to sleep."""

_PAUSE = 0.05
"""Seconds between two looks if there are more."""

_WOULD_BLOCK = (BlockingIOError, InterruptedError)


def free_descriptor(loop: SelectorEventLoop, fd: Any) -> int:
    """Return the number of a descriptor, or of a file object's, that no live transport owns.

    Raises:
        ValueError: if it is neither.
        RuntimeError: if a transport owns it.
    """
    number = fd
    if not isinstance(number, int):
        try:
            number = int(fd.fileno())
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"Invalid file object: {fd!r}") from None
    if number < 0:
        raise ValueError(f"Invalid file descriptor: {number}")
    owner = loop._watches.owner(number)
    if owner is not None:
        raise RuntimeError(f"File descriptor {fd!r} is used by transport {owner!r}")
    return number


class _Wait:
    """One operation that waits for a socket."""

    __slots__ = ("_loop", "fd", "future", "group", "sock")

    def __init__(self, loop: SelectorEventLoop, sock: socket.socket, group: _Group) -> None:
        self._loop = loop
        self.sock = sock
        self.fd = sock.fileno()
        self.group = group
        self.future: asyncio.Future[None] | None = None

    async def ready(self) -> None:
        """Wait until the socket is ready.

        Raises:
            OSError: if it is closed meanwhile.
            RuntimeError: if somebody else's callback took its place.
        """
        self.future = self._loop.create_future()
        try:
            await self.future
        finally:
            self.future = None

    def wake(self, error: BaseException | None = None) -> None:
        """End the wait."""
        if self.future is None or self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


class _Group:
    """All that wait for the same readiness of one descriptor; is itself what the loop calls."""

    __slots__ = ("fd", "mask", "waits")

    def __init__(self, fd: int, mask: int) -> None:
        self.fd = fd
        self.mask = mask
        self.waits: list[_Wait] = []

    def __call__(self) -> None:
        for wait in self.waits:
            wait.wake()


class Waits:
    """All waits of a loop.

    Args:
        loop: the loop whose raw socket methods wait.
    """

    def __init__(self, loop: SelectorEventLoop) -> None:
        self._loop = loop
        self._groups: dict[tuple[int, int], _Group] = {}
        self._waits: set[_Wait] = set()
        self._next_look = 0.0
        self._is_look_due = False

    def begin(self, sock: socket.socket, mask: int) -> _Wait:
        """Register a socket for waiting; to be ended with :meth:`end`."""
        loop = self._loop
        fd = free_descriptor(loop, sock)
        group = self._groups.get((fd, mask))
        if group is None or not self._is_registered(group):
            group = self._groups[fd, mask] = _Group(fd, mask)
        wait = _Wait(loop, sock, group)
        self._start(group)  # again for each: the number may belong to another file than at the first
        group.waits.append(wait)
        self._waits.add(wait)
        loop._scheduler.before_waiting = self._look
        return wait

    def end(self, wait: _Wait) -> None:
        """Take the registration back, unless others wait for the same or it is not there any more."""
        group = wait.group
        group.waits.remove(wait)
        self._waits.discard(wait)
        if not self._waits:
            self._loop._scheduler.before_waiting = None
        if not group.waits:
            if self._is_registered(group):
                self._stop(group)
            if self._groups.get((group.fd, group.mask)) is group:
                del self._groups[group.fd, group.mask]

    def _start(self, group: _Group) -> None:
        watches = self._loop._watches
        start = watches.start_reading if group.mask == READ else watches.start_writing
        start(group.fd, group)

    def _stop(self, group: _Group) -> None:
        watches = self._loop._watches
        stop = watches.stop_reading if group.mask == READ else watches.stop_writing
        stop(group.fd)

    def _is_registered(self, group: _Group) -> bool:
        watches = self._loop._watches
        return (watches.readers if group.mask == READ else watches.writers).get(group.fd) is group

    def _get_here_again(self) -> None:
        self._is_look_due = False

    def _look(self) -> None:
        """End the waits that nothing would end any more; called when the loop is about to sleep."""
        if len(self._waits) > _FEW:
            now = self._loop.time()
            if now < self._next_look:
                if not self._is_look_due:
                    self._is_look_due = True
                    self._loop.call_at(self._next_look, self._get_here_again)
                return
            self._next_look = now + _PAUSE
        for wait in list(self._waits):
            if wait.sock.fileno() != wait.fd:
                wait.wake(OSError(errno.EBADF, f"{os.strerror(errno.EBADF)}: the socket was closed meanwhile"))
            elif not self._is_registered(wait.group):
                wait.wake(RuntimeError(f"another callback was registered for file descriptor {wait.fd!r}"))


def check_socket(loop: SelectorEventLoop, sock: socket.socket) -> None:
    """Refuse sockets that the raw methods cannot work with.

    Raises:
        TypeError: if it is a TLS socket.
        ValueError: in debug mode, if it is a blocking socket.
    """
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")
    if loop._debug and sock.gettimeout() != 0:
        raise ValueError("the socket must be non-blocking")


async def _when_ready(loop: SelectorEventLoop, sock: socket.socket, mask: int, operation: Callable[[], _T]) -> _T:
    """Wait and try an operation, until it does not block any more."""
    wait = loop._waits.begin(sock, mask)
    try:
        while True:
            await wait.ready()
            try:
                return operation()
            except _WOULD_BLOCK:
                pass
    finally:
        loop._waits.end(wait)


async def sock_recv(loop: SelectorEventLoop, sock: socket.socket, nbytes: int) -> bytes:
    """Receive up to ``nbytes`` bytes; empty at the end of file."""
    check_socket(loop, sock)
    try:
        return sock.recv(nbytes)
    except _WOULD_BLOCK:
        return await _when_ready(loop, sock, READ, lambda: sock.recv(nbytes))


async def sock_recv_into(loop: SelectorEventLoop, sock: socket.socket, buf: WriteableBuffer) -> int:
    """Receive into a buffer and return the number of bytes."""
    check_socket(loop, sock)
    try:
        return sock.recv_into(buf)
    except _WOULD_BLOCK:
        return await _when_ready(loop, sock, READ, lambda: sock.recv_into(buf))


async def sock_recvfrom(loop: SelectorEventLoop, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
    """Receive a datagram of up to ``bufsize`` bytes and return it with the sender's address."""
    check_socket(loop, sock)
    try:
        return sock.recvfrom(bufsize)
    except _WOULD_BLOCK:
        return await _when_ready(loop, sock, READ, lambda: sock.recvfrom(bufsize))


async def sock_recvfrom_into(
    loop: SelectorEventLoop, sock: socket.socket, buf: WriteableBuffer, nbytes: int = 0
) -> tuple[int, Any]:
    """Receive a datagram into a buffer and return the number of bytes with the sender's address.

    Args:
        loop: the loop.
        sock: a non-blocking socket.
        buf: the buffer.
        nbytes: how many bytes to receive at most; 0: as many as the buffer takes.
    """
    check_socket(loop, sock)
    nbytes = nbytes or len(memoryview(buf).cast("B"))
    try:
        return sock.recvfrom_into(buf, nbytes)
    except _WOULD_BLOCK:
        return await _when_ready(loop, sock, READ, lambda: sock.recvfrom_into(buf, nbytes))


async def sock_sendall(loop: SelectorEventLoop, sock: socket.socket, data: ReadableBuffer) -> None:
    """Send all of some bytes. After an error nobody knows how many were sent."""
    check_socket(loop, sock)
    try:
        sent = sock.send(data)
    except _WOULD_BLOCK:
        sent = 0
    rest = memoryview(data).cast("B")[sent:]
    if not rest:
        return
    wait = loop._waits.begin(sock, WRITE)
    try:
        while rest:
            await wait.ready()
            with contextlib.suppress(*_WOULD_BLOCK):
                rest = rest[sock.send(rest) :]
    finally:
        loop._waits.end(wait)


async def sock_sendto(loop: SelectorEventLoop, sock: socket.socket, data: ReadableBuffer, address: Any) -> int:
    """Send a datagram to an address and return the number of bytes."""
    check_socket(loop, sock)
    try:
        return sock.sendto(data, address)
    except _WOULD_BLOCK:
        return await _when_ready(loop, sock, WRITE, lambda: sock.sendto(data, address))


async def sock_accept(loop: SelectorEventLoop, sock: socket.socket) -> tuple[socket.socket, Any]:
    """Accept a connection and return its socket, non-blocking, with the peer's address."""
    check_socket(loop, sock)
    try:
        return _accept(sock)
    except _WOULD_BLOCK:
        return await _when_ready(loop, sock, READ, lambda: _accept(sock))


def _accept(sock: socket.socket) -> tuple[socket.socket, Any]:
    conn, address = sock.accept()
    conn.setblocking(False)
    return conn, address


async def sock_connect(loop: SelectorEventLoop, sock: socket.socket, address: Any) -> None:
    """Connect a socket to an address; the host of an Internet address is resolved if it is a name.

    Raises:
        OSError: if the connection fails.
    """
    check_socket(loop, sock)
    if sock.family in (socket.AF_INET, getattr(socket, "AF_INET6", None)):
        address = await resolve_one(loop, address, sock)
    pause = 0.001
    while True:
        try:
            sock.connect(address)
        except _WOULD_BLOCK as exc:
            if exc.errno != errno.EAGAIN:
                break
            if sock.family != getattr(socket, "AF_UNIX", None):
                raise
            # The listener's queue is full: nothing is under way, and no readiness will tell when it is not any more.
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE)
        else:
            return
    await _when_ready(loop, sock, WRITE, lambda: _check_connected(sock, address))


def _check_connected(sock: socket.socket, address: Any) -> None:
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, f"Connect call failed {address}")
