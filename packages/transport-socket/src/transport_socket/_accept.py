"""Accept connections from one listening socket.

Theory of operation. Each wake-up accepts what is waiting, up to a bound, so that a storm of connections cannot starve
the rest of the loop; the kernel reports the socket again as long as more are waiting. Errors of accept(2) are of
three kinds:

* the connection is gone again (ECONNABORTED, and on Linux the network errors that accept(2) lists): take the next;
* nothing is waiting any more, another process took it: go back to the poller;
* this process or the system has run out of descriptors or memory: the connection stays in the queue and the socket
  stays readable, so the poller would report it without end. The listener is taken out of the poller, the shortage is
  reported once, and one timer tries again; it is not reported again until a connection was accepted.

An accepted connection costs three system calls before its first byte: accept, non-blocking mode, epoll.
The socket object that ``socket.accept`` makes would ask for addresses and cost more than the transport; TCP_NODELAY is
set on the listening socket, from which Linux and the BSDs inherit it, which the first connection has to prove.

What belongs to one connection (the protocol factory, ``connection_made`` and all later callbacks) runs in a copy of
the context in which the server was made.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any
from weakref import ref

from transport_abc import readiness_of
from transport_socket._burst import ONE, fewer, more
from transport_socket._stream import SocketTransport, has_no_delay, is_internet, set_no_delay

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextvars import Context

    from transport_socket._server import Server

__all__ = ["Listener"]

_RETRY_DELAY = 1.0
"""Seconds until a listener that ran out of resources tries again."""

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

# accept(2): "Linux accept() passes already-pending network errors on the new socket as an error code from accept()"
_GONE = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "ECONNRESET", "EPROTO", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH"),
        *("EOPNOTSUPP", "ENETUNREACH", "ETIMEDOUT", "EPERM"),
    )
    if hasattr(errno, name)
)


_new = object.__new__
_set_blocking = os.set_blocking


class Listener:
    """Hand every connection of one listening socket to a new protocol; made by a :class:`Server`."""

    def __init__(
        self, server: Server, sock: socket.socket, protocol_factory: Callable[[], Any], context: Context
    ) -> None:
        self.sock = sock
        self._server = server
        self._clients = server._clients  # pyright: ignore[reportPrivateUsage]
        self._protocol_factory = protocol_factory
        self._context = context
        self._loop = server.get_loop()
        self._readiness = readiness_of(self._loop)
        self._fd = sock.fileno()
        # The part of accept() that is written in C; a class of somebody else may accept in another way.
        fast = getattr(sock, "_accept", None) if type(sock) is socket.socket else None
        self._fast = fast is not None
        self._accept: Callable[[], tuple[Any, Any]] = fast or sock.accept
        self._bound_name = _common_name(sock)
        self._ask_no_delay = self._set_no_delay = False
        if is_internet(sock):
            set_no_delay(sock)
            self._ask_no_delay = True
        self._retry: asyncio.TimerHandle | None = None
        self._short = self._closed = False
        self._burst = ONE

    def start(self) -> None:
        """Accept from now on."""
        self._readiness.start_reading(self._fd, self._accept_some)

    def close(self) -> None:
        """Accept no more and close the socket."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._readiness.release(self._fd)
        self.sock.close()

    def _accept_some(self) -> None:
        for found in range(self._burst // ONE):
            try:
                sock, peer = self._accept()
            except (BlockingIOError, InterruptedError):
                self._burst = fewer(found)
                return
            except OSError as exc:
                if exc.errno in _GONE:
                    continue
                self._fail(exc)
                return
            self._short = False
            context = self._context.copy()
            context.run(self._make_transport, context, sock, peer)
            if self._closed:  # by a protocol
                return
        self._burst = more(self._burst)

    def _make_transport(self, context: Context, sock: Any, peer: Any) -> None:
        """Make protocol and transport, and start them; called in the context that is their own."""
        try:
            if self._fast:
                _set_blocking(sock, False)
            else:
                sock.setblocking(False)
            if self._ask_no_delay or self._set_no_delay:
                self._no_delay(sock)
            protocol = self._protocol_factory()
            if self._fast:
                transport = _new(SocketTransport)  # a constructor with keywords takes three times as long
                transport._set_up_accepted(  # pyright: ignore[reportPrivateUsage]
                    self._loop, self._readiness, protocol, context, sock, peer, self._bound_name, self._server
                )
            else:
                transport = SocketTransport(
                    self._loop, protocol, sock, context=context, peername=peer, server=self._server
                )
            self._clients[id(transport)] = ref(transport)
        except (KeyboardInterrupt, SystemExit):
            _close(sock)
            raise
        except BaseException as exc:
            self._report("Error on transport creation for incoming connection", exc, peername=peer)
            _close(sock)
            return
        transport._start_inside()  # pyright: ignore[reportPrivateUsage]

    def _no_delay(self, sock: socket.socket | int) -> None:
        """Switch Nagle's algorithm off, and find out whether that is to be done for each connection."""
        known = socket.socket(fileno=sock) if isinstance(sock, int) else sock
        try:
            if self._ask_no_delay:
                self._ask_no_delay = False
                self._set_no_delay = not has_no_delay(known)
            if self._set_no_delay:
                set_no_delay(known)
        finally:
            if known is not sock:
                known.detach()

    def _fail(self, exc: OSError) -> None:
        """Stop accepting for a while when resources have run out, for good on any other error."""
        self._readiness.stop_reading(self._fd)
        if exc.errno in _SHORTAGES:
            self._retry = self._loop.call_later(_RETRY_DELAY, self._try_again)
            if not self._short:
                self._short = True
                self._report(f"socket.accept() out of system resource, next try in {_RETRY_DELAY:g} seconds", exc)
        else:
            self._report("Fatal error: socket.accept() failed, the socket accepts no more", exc)

    def _try_again(self) -> None:
        self._retry = None
        self.start()

    def _report(self, message: str, exc: BaseException, **more: Any) -> None:
        context = {"message": message, "exception": exc, "server": self._server, "socket": self.sock, **more}
        self._loop.call_exception_handler(context)


_TRANSPARENT = {socket.AF_INET: (0, 19), socket.AF_INET6: (41, 75)}
"""Level and number of IP_TRANSPARENT and IPV6_TRANSPARENT on Linux, ip(7); Python has no names for them before 3.14."""


def _close(sock: socket.socket | int) -> None:
    os.close(sock) if isinstance(sock, int) else sock.close()


def _common_name(sock: socket.socket) -> Any:
    """Return the address that all connections accepted by a socket have, or None if each has its own."""
    name = sock.getsockname()
    if sock.family not in _TRANSPARENT:
        return name
    if name[0].rpartition(":")[2] in ("0.0.0.0", ""):  # any address: also "::", "::ffff:0.0.0.0"
        return None
    try:
        diverted = sys.platform == "linux" and sock.getsockopt(*_TRANSPARENT[sock.family])
    except OSError:
        diverted = False
    return None if diverted else name
