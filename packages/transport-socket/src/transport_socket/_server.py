"""The server: its listening sockets, its connections, and when both have ended.

Source: Python documentation, "Event Loop", section "Server Objects", in the version of Python 3.13 on every Python.
"""

from __future__ import annotations

import asyncio
from asyncio.trsock import TransportSocket
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self

from transport_socket._accept import Listener

if TYPE_CHECKING:
    import socket
    import weakref
    from collections.abc import Callable, Iterable

    from transport_abc import TransportLoop
    from transport_socket._stream import SocketTransport

__all__ = ["Server"]


class Server(asyncio.AbstractServer):
    """Listen on sockets and give each connection a protocol of its own.

    Args:
        loop: any asyncio loop.
        sockets: bound stream sockets in non-blocking mode; the server owns them and closes them.
        protocol_factory: called without arguments for the protocol of each connection.
        backlog: connections that the kernel may queue (listen(2)).
        on_close: called when the sockets have been closed.
    """

    # websockets' tests ask for it; a loop that puts TLS over the connections sets it.
    _ssl_context: Any = None

    def __init__(
        self,
        loop: TransportLoop,
        sockets: Iterable[socket.socket],
        protocol_factory: Callable[[], Any],
        *,
        backlog: int,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._backlog = backlog
        self._on_close = on_close
        self._context = copy_context()
        # None once closed, as in asyncio, whose tests look at them.
        self._sockets: list[socket.socket] | None = list(sockets)
        self._waiters: list[asyncio.Future[None]] | None = []
        self._listeners: list[Listener] = []
        self._forever: asyncio.Future[None] | None = None
        # By identity, and weakly: a paused connection that nobody knows any more may be collected. Listeners add to it.
        self._clients: dict[int, weakref.ref[SocketTransport]] = {}

    def __repr__(self) -> str:
        state = "serving" if self.is_serving() else "closed" if self._sockets is None else "not serving"
        names = ", ".join(repr(sock.getsockname()) for sock in self._sockets or ())
        return f"<Server {state} sockets=({names}) connections={len(self._clients)}>"

    # -- connections -----------------------------------------------------------------------------------------------

    def _detach(self, transport: SocketTransport) -> None:
        self._clients.pop(id(transport), None)
        if self._sockets is None and not self._clients:
            self._wake_up()

    def _wake_up(self) -> None:
        """Tell those who wait that sockets and connections are closed."""
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _transports(self) -> list[SocketTransport]:
        found = [reference() for reference in self._clients.values()]
        return [transport for transport in found if transport is not None]

    def close_clients(self) -> None:
        """Close all connections once what is buffered has been sent, those over TLS in good order."""
        for transport in self._transports():
            top: Any = transport
            while isinstance(above := top.get_protocol(), asyncio.BaseTransport):
                top = above
            top.close()

    def abort_clients(self) -> None:
        """Close all connections at once; what is buffered is lost."""
        for transport in self._transports():
            transport.abort()

    # -- listening -------------------------------------------------------------------------------------------------

    @property
    def sockets(self) -> tuple[TransportSocket, ...]:
        """The listening sockets; empty once the server is closed."""
        return tuple(map(TransportSocket, self._sockets or ()))

    def get_loop(self) -> TransportLoop:  # type: ignore[override]
        """Return the loop that the server is attached to."""
        return self._loop

    def is_serving(self) -> bool:
        """Return True if the server accepts connections."""
        return bool(self._listeners)

    async def start_serving(self) -> None:
        """Accept connections; no effect if the server does already.

        Raises:
            RuntimeError: if the server is closed.
            OSError: if a socket cannot listen.
        """
        self.listen()

    def listen(self) -> None:
        """Do as :meth:`start_serving`, without awaiting anything."""
        if self._sockets is None:
            raise RuntimeError(f"server {self!r} is closed")
        if not self._listeners:
            for sock in self._sockets:
                sock.listen(self._backlog)
            self._listeners = [Listener(self, sock, self._protocol_factory, self._context) for sock in self._sockets]
            for listener in self._listeners:
                listener.start()

    async def serve_forever(self) -> None:
        """Accept connections until the task is cancelled or the server is closed, which ends in a CancelledError.

        Cancelling closes the server and its connections and waits for their end.

        Raises:
            RuntimeError: if the server is closed, or if another task awaits this method.
        """
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        self.listen()
        self._forever = self._loop.create_future()
        try:
            await self._forever
        except asyncio.CancelledError:
            try:
                self.close()
                self.close_clients()
                await self.wait_closed()
            finally:
                raise
        finally:
            self._forever = None

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop accepting and close the listening sockets; connections stay, and ``serve_forever`` is cancelled."""
        if self._sockets is None:
            return
        sockets, self._sockets = self._sockets, None
        listeners, self._listeners = self._listeners, []
        for closable in listeners or sockets:
            closable.close()
        if self._on_close is not None:
            self._on_close()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()
        if not self._clients:
            self._wake_up()

    async def wait_closed(self) -> None:
        """Wait until the server is closed and its last connection has ended."""
        if self._waiters is not None:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()
        await self.wait_closed()
