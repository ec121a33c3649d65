"""The transport of a connected stream socket, TCP or Unix.

Theory of operation. Whose socket it is decides how it is read and written. A socket object that a user has given may be
closed by that user at any time; its own methods notice, a system call on the number would meet another file. A socket
that was made here is known to the transport alone, which reads and writes the descriptor: fewer instructions for each
request. Of an accepted connection there is not even a socket object. Making one costs more than all else that a new
connection needs, so it is made when somebody asks for it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from asyncio.trsock import TransportSocket
from typing import TYPE_CHECKING, Any

from transport_socket._sendfile import SendfileTransport

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextvars import Context

    from transport_abc import BaseProtocol, Readiness, TransportLoop
    from transport_socket._server import Server

__all__ = ["SocketTransport", "has_no_delay", "is_internet", "name_of", "set_no_delay"]

_INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})
_NON_BLOCKING_STREAM = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)  # the latter is not on macOS
_UCRED = struct.Struct("iII")  # struct ucred of unix(7): pid, uid, gid


class SocketTransport(SendfileTransport):
    """Carry a stream over a connected socket; the transport owns the socket and closes it.

    ``get_extra_info`` knows ``peername``, ``sockname``, ``socket`` and, for Unix sockets on Linux, ``peercred``: the
    process id, user id and group id of the peer as they were when it connected (``SO_PEERCRED``, unix(7)).

    Args:
        loop: any asyncio loop.
        protocol: the receiver of the callbacks.
        sock: a connected stream socket in non-blocking mode.
        context: the context in which all callbacks run; a copy of the current one by default.
        peername: the peer's address, if it is known already; asked from the socket by default.
        server: the server that accepted the connection.
        private: True if nobody else has the socket.
    """

    __slots__ = ("_bound_name", "_known", "_peername", "_server", "_socket")

    _known: dict[str, Any] | None
    _socket: socket.socket | None

    # loop.start_tls() of the standard library, and aiohttp after it, ask for this name before they upgrade a transport.
    _start_tls_compatible = True

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        sock: socket.socket,
        *,
        context: Context | None = None,
        peername: Any = None,
        server: Server | None = None,
        private: bool = False,
    ) -> None:
        self._socket = sock
        super().__init__(loop, protocol, sock.fileno(), context=context, **({} if private else _methods_of(sock)))
        self._bound_name = name_of(sock.getsockname)
        self._peername = name_of(sock.getpeername) if peername is None else peername
        self._server = server

    def _set_up_accepted(
        self,
        loop: TransportLoop,
        readiness: Readiness,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        context: Context,
        fd: int,
        peername: Any,
        sockname: Any,
        server: Server,
    ) -> None:
        """Do as the constructor for an accepted connection, of which there is a descriptor in non-blocking mode.

        ``sockname`` is our own address as the listening socket knows it. The system is asked for the real one as long
        as the connection lives.
        """
        self._known = self._socket = None
        self._bound_name = sockname
        self._peername = peername
        self._server = server
        self._fd = fd
        self._set_up(loop, readiness, protocol, context)
        readiness.claim(fd, self)
        self._plain_fd = fd

    @classmethod
    async def started(
        cls, loop: TransportLoop, protocol_factory: Callable[[], Any], sock: socket.socket, *, private: bool = False
    ) -> tuple[SocketTransport, Any]:
        """Make transport and protocol of a connected socket, and return after ``connection_made``.

        The socket is closed if anything fails.
        """
        try:
            sock.setblocking(False)
            if is_internet(sock):
                set_no_delay(sock)
            protocol = protocol_factory()
            waiter = loop.create_future()
            transport = cls(loop, protocol, sock, private=private)
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

    @property
    def _extra(self) -> dict[str, Any]:
        """Return what is known of the connection; an idle one need not have a dictionary, which takes much memory."""
        if self._known is None:
            self._known = {"peername": self._peername}
        return self._known

    @_extra.setter
    def _extra(self, extra: dict[str, Any]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._known = extra or None

    @property
    def _sock_fd(self) -> int:
        """Return the descriptor; Dask's communication over asyncio reads this name and ``_sock``."""
        return self._fd

    @property
    def _sock(self) -> socket.socket:
        """Return the socket object."""
        if self._socket is None:
            if self._plain_fd is None:
                self._socket = socket.socket()
                self._socket.close()
            else:
                # Each -1 is found out by a system call. The type says that the mode need not be set, where it can.
                self._socket = socket.socket(-1, _NON_BLOCKING_STREAM, -1, self._plain_fd)
                if _NON_BLOCKING_STREAM == socket.SOCK_STREAM:
                    self._socket.setblocking(False)
        return self._socket

    def _own_name(self) -> Any:
        """Ask the system for our own address; without a socket object if there is none, as it would cost more."""
        if self._socket is not None or self._plain_fd is None:
            return name_of(self._sock.getsockname)
        try:
            sock = socket.SocketType(-1, socket.SOCK_STREAM, 0, self._plain_fd)
        except OSError:
            return None
        try:
            return name_of(sock.getsockname)
        finally:
            sock.detach()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows about its connection; see the class.

        What costs a system call or an object is found out when it is first asked for.
        """
        if name not in self._extra:
            if name == "sockname":
                self._extra[name] = self._own_name() or self._bound_name
            elif name == "socket":
                self._extra[name] = TransportSocket(self._sock)
            elif name == "peercred":
                self._extra[name] = _peer_credentials(self._sock)
        value = self._extra.get(name)
        return default if value is None else value

    def _shutdown_write(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    def _finish(self) -> None:
        if self._sending_file:
            super()._finish()
        else:  # nothing is buffered and nobody waits: the same in fewer steps, for each connection that ends
            self._readiness.release(self._fd)
            self._lose(None)

    def _close_resource(self) -> None:
        if self._bound_name is None:  # addresses outlive the connection, for whoever writes the log
            self._bound_name = self._own_name()
        fd, self._plain_fd = self._plain_fd, None
        if self._socket is not None:
            self._socket.close()
        elif fd is not None:
            os.close(fd)
        server = self._server
        if server is not None:
            self._server = None
            server._detach(self)  # pyright: ignore[reportPrivateUsage]


def _methods_of(sock: socket.socket) -> dict[str, Any]:
    """Return how a socket that others have as well is read and written."""
    return {"receive": sock.recv, "receive_into": sock.recv_into, "send": sock.send, "send_lines": sock.sendmsg}


def name_of(ask: Callable[[], Any]) -> Any:
    """Return an address, or None where the system has none; a peer that has reset the connection has no name."""
    try:
        return ask()
    except OSError:
        return None


def _peer_credentials(sock: socket.socket) -> tuple[int, int, int] | None:
    """Return process, user and group id of the other end of a Unix socket, where the system tells."""
    if sock.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    with contextlib.suppress(OSError):
        pid, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        return pid, uid, gid
    return None


def is_internet(sock: socket.socket) -> bool:
    """Tell whether a socket belongs to IPv4 or IPv6."""
    return sock.family in _INTERNET


def has_no_delay(sock: socket.socket) -> bool:
    """Tell whether Nagle's algorithm is off, or was never on."""
    try:
        return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    except OSError:  # not TCP
        return True


def set_no_delay(sock: socket.socket) -> None:
    """Switch Nagle's algorithm off.

    asyncio does it only where ``sock.proto`` says TCP, which it does not for sockets made without it.
    """
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:  # not TCP, or reset by the peer already
        return
