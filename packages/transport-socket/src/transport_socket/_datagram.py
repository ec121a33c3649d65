"""The transport of a datagram socket, UDP or Unix.

Theory of operation. A datagram goes out at once while nothing is queued; when the socket would block it is queued with
its address, and everything behind it too. A datagram counts with a header of 8 bytes in the write buffer, as in
asyncio 3.13, so that a queue of empty datagrams is seen by flow control.

An error of one datagram is no error of the endpoint: ``error_received`` is told of it, be it an ICMP message that the
kernel hands out with the next call or the refusal to send (EMSGSIZE, ENETUNREACH), and the endpoint stays open.

The poller says that a Unix socket is writable when *its* buffer has room, but sending to a peer whose queue is full
blocks all the same; only a connected socket takes its peer into account. Watching an unconnected one would spin, so a
timer tries again.

A wake-up receives several datagrams, up to a bound, so that one busy socket cannot starve the others; the kernel
reports the socket again as long as more are waiting.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.trsock import TransportSocket
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from transport_abc import DatagramTransport, FlowControl
from transport_socket._address import checker_of, is_same
from transport_socket._burst import ONE, fewer, more
from transport_socket._stream import is_internet, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

    from transport_abc import BaseProtocol, TransportLoop

__all__ = ["DatagramSocketTransport"]

_LARGEST = 64 * 1024
"""Bytes of the largest datagram that UDP can carry, and some more."""

_HEADER = 8
"""Bytes that a datagram counts in the write buffer beside its payload."""

_RETRY_DELAY = 0.005
"""Seconds until an unconnected Unix socket tries again to send to a peer whose queue was full."""

_MOST_KNOWN = 1024
"""Addresses that were found to be good; a bound on memory, nothing else."""


# asyncio's datagram transports are instances of asyncio.Transport as well, and its tests ask for it.
class DatagramSocketTransport(  # pyright: ignore[reportIncompatibleMethodOverride] - as in transport_abc
    FlowControl, DatagramTransport, asyncio.Transport
):
    """Exchange datagrams through a socket; the transport owns the socket and closes it.

    Args:
        loop: any asyncio loop.
        protocol: the receiver of the callbacks.
        sock: a datagram socket in non-blocking mode.
        address: the only address to send to although the socket is not connected, None for any.
    """

    # Slots for the reason that the bases have them; users find a __dict__ all the same.
    __slots__ = (
        *("_sock", "_sock_fd", "_fd", "_connected", "_address", "_check_address", "_known", "_reading", "_burst"),
        *("_direct", "_buffer", "_buffer_size", "_timer", "_receive", "_may_answer", "_source"),
    )

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        sock: socket.socket,
        address: Any = None,
    ) -> None:
        self._sock = sock
        self._sock_fd = self._fd = sock.fileno()
        self._buffer: deque[tuple[bytes, Any]] = deque()
        self._buffer_size = 0
        self._direct = True  # open, and nothing is queued
        self._reading = False
        self._burst = ONE
        self._timer: asyncio.TimerHandle | None = None
        # A Unix datagram may be larger than what costs nothing to allocate for each; see transport_abc.ReadSide.
        self._receive = partial(sock.recvfrom, _LARGEST) if is_internet(sock) else None
        super().__init__(loop, protocol)
        peer = name_of(sock.getpeername)
        self._connected = peer is not None
        self._address = peer if self._connected else address
        self._check_address = checker_of(sock.family)
        self._known: dict[Any, Any] = {}  # what was given to sendto() before, and what it means
        # An answer to the last datagram goes to the very object that its source was given as: nothing to be checked.
        self._may_answer = self._address is None and self._receive is not None
        self._source: Any = None
        self._extra["sockname"] = name_of(sock.getsockname)
        self._extra["peername"] = peer
        self._readiness.claim(self._fd, self)

    @classmethod
    async def opened(
        cls, loop: TransportLoop, protocol_factory: Callable[[], Any], sock: socket.socket, address: Any = None
    ) -> tuple[DatagramSocketTransport, Any]:
        """Make transport and protocol of a datagram socket, and return after ``connection_made``.

        The socket is closed if anything fails.
        """
        try:
            sock.setblocking(False)
            protocol = protocol_factory()
            waiter = loop.create_future()
            transport = cls(loop, protocol, sock, address)
        except BaseException:
            sock.close()
            raise
        transport._start(waiter)
        try:
            await waiter
        except BaseException:
            transport.abort()
            raise
        return transport, protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows about its endpoint: ``peername``, ``sockname`` and ``socket``."""
        if name == "socket" and name not in self._extra:
            self._extra[name] = TransportSocket(self._sock)
        value = self._extra.get(name)
        return default if value is None else value

    def _describe(self) -> list[str]:
        state, *peer = super()._describe()
        words = [state, f"sockname={self._extra.get('sockname')!r}", *peer]
        return [*words, f"fd={self._fd}", f"write_buffer={self._buffer_size}"]

    # -- receiving -------------------------------------------------------------------------------------------------

    def _begin_reading(self) -> None:
        if not self._closing:
            self._reading = True
            self._readiness.start_reading(self._fd, partial(self._context.run, self._read_ready))

    def _read_ready(self) -> None:
        """Receive some datagrams; called straight from the poll result."""
        receive = self._receive or self._receive_any
        for found in range(self._burst // ONE):
            try:
                data, addr = receive()
            except (BlockingIOError, InterruptedError):
                self._burst = fewer(found)
                return
            except OSError as exc:
                self._call("error_received", exc)
            else:
                self._source = addr
                try:
                    self._protocol.datagram_received(data, addr)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as exc:
                    self._callback_failed("datagram_received", exc)
            if self._closing:
                return
        self._burst = more(self._burst)

    def _receive_any(self) -> tuple[bytes, Any]:
        """Receive a datagram of any size, by way of the loop's receive buffer."""
        view = self._readiness.buffer
        nbytes, addr = self._sock.recvfrom_into(view)
        return view[:nbytes].tobytes(), addr

    # -- sending ---------------------------------------------------------------------------------------------------

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent; each datagram counts with 8 bytes for its header."""
        return self._buffer_size

    def sendto(self, data: ReadableBuffer, addr: Any = None) -> None:
        """Send one datagram without blocking, or queue it; see :class:`transport_abc.DatagramTransport`.

        Raises:
            TypeError: if ``data`` is not bytes-like.
            ValueError: if ``addr`` is a host name, of another family, or not the one that the endpoint is bound to.
        """
        if type(data) is not bytes:
            data = _contiguous(data)
        if self._may_answer and addr is self._source and addr is not None:
            to = addr
        else:
            try:
                to = self._known[addr]
            except (KeyError, TypeError):
                to = self._learn(addr)
        if not self._direct:
            self._enqueue(data, to)
            return
        try:
            if to is None:
                self._sock.send(data)
            else:
                self._sock.sendto(data, to)
        except (BlockingIOError, InterruptedError):
            self._enqueue(data, to)
            self._wait()
        except OSError as exc:
            self._call("error_received", exc)

    def _learn(self, addr: Any) -> Any:
        """Check an address that was not sent to before, and return the one to give to the socket."""
        if self._address is None:
            self._check_address(addr)
            to = addr
        else:
            if addr is not None and not is_same(addr, self._address):
                raise ValueError(f"Invalid address: must be None or {self._address!r}, got {addr!r}")
            to = None if self._connected else self._address
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[addr] = to
        return to

    def _enqueue(self, data: ReadableBuffer, addr: Any) -> None:
        """Queue a datagram; on an endpoint that is closing it is dropped, on one that is gone also counted."""
        if self._closing:
            self._count_dropped()
            return
        self._direct = False
        self._buffer.append((bytes(data), addr))
        self._buffer_size += len(self._buffer[-1][0]) + _HEADER
        self._check_pause()

    def _wait(self) -> None:
        """Call :meth:`_write_ready` when sending is worth another try."""
        if self._conn_lost:  # pause_writing() has aborted
            return
        if self._sock.family != socket.AF_UNIX or self._connected:
            self._readiness.start_writing(self._fd, partial(self._context.run, self._write_ready))
        else:
            self._timer = self._loop.call_later(_RETRY_DELAY, self._try_again, context=self._context)

    def _try_again(self) -> None:
        self._timer = None
        self._write_ready()
        if self._buffer:
            self._wait()

    def _write_ready(self) -> None:
        """Send what is queued, until the socket would block; called straight from the poll result."""
        buffer = self._buffer
        while buffer:
            data, addr = buffer[0]
            try:
                if addr is None:
                    self._sock.send(data)
                else:
                    self._sock.sendto(data, addr)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as exc:
                self._dequeue()
                self._call("error_received", exc)
            else:
                self._dequeue()
        self._check_resume()
        if not buffer and not self._conn_lost:
            self._drained()

    def _dequeue(self) -> None:
        data, _ = self._buffer.popleft()
        self._buffer_size -= len(data) + _HEADER

    def _drained(self) -> None:
        """Do what waited for the queue to be empty."""
        self._readiness.stop_writing(self._fd)
        if self._closing:
            self._force_close(None)
        else:
            self._direct = True

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the endpoint once what is queued has been sent; nothing more is received."""
        if self._closing:
            return
        self._closing = True
        self._direct = False
        if not self._buffer:
            self._force_close(None)
        elif self._reading:
            self._readiness.stop_reading(self._fd)

    def _detach(self) -> None:
        self._direct = False
        self._buffer.clear()
        self._buffer_size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._readiness.release(self._fd)

    def _close_resource(self) -> None:
        self._sock.close()


def _contiguous(data: Any) -> Any:
    """Return a bytes-like object in a form that a socket takes.

    Raises:
        TypeError: if the object is not bytes-like.
    """
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}") from None
    return data if view.c_contiguous else view.tobytes()
