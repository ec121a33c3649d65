"""Accept connections from one listening socket.

Theory of operation. Each wake-up accepts what is waiting, up to a bound, so that a storm of connections cannot starve
the rest of the loop; the kernel reports the socket again as long as more are waiting. Errors of accept(2) are of
three kinds:

* the connection is gone again (ECONNABORTED, and on Linux the network errors that accept(2) lists): take the next;
* nothing is waiting any more, another process took it: go back to the poller;
* this process or the system has run out of descriptors or memory: the connection stays in the queue and the socket
  stays readable, so the poller would report it without end. The listener is taken out of the poller, the shortage is
  reported once, and one timer tries again; it is not reported again until a connection was accepted.

What belongs to one connection (the protocol factory, ``connection_made`` and all later callbacks) runs in a copy of
the context in which the server was made.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from transport_abc import readiness_of
from transport_socket._burst import ONE, fewer, more
from transport_socket._stream import SocketTransport, is_internet, set_no_delay

if TYPE_CHECKING:
    import asyncio
    import socket
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


class Listener:
    """Hand every connection of one listening socket to a new protocol; made by a :class:`Server`."""

    def __init__(
        self, server: Server, sock: socket.socket, protocol_factory: Callable[[], Any], context: Context
    ) -> None:
        self.sock = sock
        self._server = server
        self._protocol_factory = protocol_factory
        self._context = context
        self._loop = server.get_loop()
        self._readiness = readiness_of(self._loop)
        self._fd = sock.fileno()
        self._internet = is_internet(sock)
        self._retry: asyncio.TimerHandle | None = None
        self._short = False
        self._burst = ONE

    def start(self) -> None:
        """Accept from now on."""
        self._readiness.start_reading(self._fd, self._accept_some)

    def close(self) -> None:
        """Accept no more and close the socket."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._readiness.release(self._fd)
        self.sock.close()

    def _accept_some(self) -> None:
        for found in range(self._burst // ONE):
            try:
                sock, peer = self.sock.accept()
            except (BlockingIOError, InterruptedError):
                self._burst = fewer(found)
                return
            except OSError as exc:
                if exc.errno in _GONE:
                    continue
                self._fail(exc)
                return
            self._short = False
            self._make_transport(sock, peer)
            if not self._server.is_serving():  # closed by a protocol, and with it this socket
                return
        self._burst = more(self._burst)

    def _make_transport(self, sock: socket.socket, peer: Any) -> None:
        """Make protocol and transport, in a context of their own."""
        context = self._context.copy()
        try:
            sock.setblocking(False)
            if self._internet:
                set_no_delay(sock)
            protocol = context.run(self._protocol_factory)
            transport = SocketTransport(self._loop, protocol, sock, context=context, peername=peer, server=self._server)
        except (KeyboardInterrupt, SystemExit):
            sock.close()
            raise
        except BaseException as exc:
            self._report("Error on transport creation for incoming connection", exc, peername=peer)
            sock.close()
            return
        transport.start()

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
