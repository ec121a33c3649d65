"""The plug-ins: what a loop finds under the names ``tcp``, ``unix``, ``udp`` and ``unix-datagram``."""

from __future__ import annotations

from socket import SOCK_DGRAM
from typing import TYPE_CHECKING, Any, TypeVar

from transport_abc import DatagramPlugin, StreamPlugin
from transport_socket._connect import checked_stream_socket, connected_socket
from transport_socket._datagram import DatagramSocketTransport
from transport_socket._listen import bound_sockets
from transport_socket._open import checked_datagram_socket, udp_socket, unix_socket
from transport_socket._server import Server
from transport_socket._stream import SocketTransport
from transport_socket._unix import checked_unix_socket, connect_path, is_listening, listening_socket, path_remover

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Iterable

    from transport_abc import BaseProtocol, TransportLoop
    from transport_socket._unix import Path

    _P = TypeVar("_P", bound=BaseProtocol | asyncio.BaseProtocol)

__all__ = ["TcpPlugin", "UdpPlugin", "UnixDatagramPlugin", "UnixPlugin"]


class TcpPlugin(StreamPlugin):
    """Make TCP transports, and transports of any other stream socket that is given."""

    api_version = 1

    async def connect(
        self,
        loop: TransportLoop,
        protocol_factory: Callable[[], _P],
        host: str | bytes | None = None,
        port: int | str | bytes | None = None,
        *,
        sock: socket.socket | None = None,
        **options: Any,
    ) -> tuple[SocketTransport, _P]:
        """Connect to a host and a port, or take a connected socket.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol.
            host: a name or a literal address.
            port: a number or the name of a service.
            sock: a connected socket, instead of host and port; the transport owns it.
            options: ``family``, ``proto``, ``flags``, ``local_addr``, ``happy_eyeballs_delay``, ``interleave`` and
                ``all_errors`` of asyncio's ``loop.create_connection``.

        Raises:
            ValueError: if neither or both of host/port and sock are given, or if the socket carries no stream.
            OSError: if no address answered.
        """
        if sock is None:
            if host is None and port is None:
                raise ValueError("host and port was not specified and no sock specified")
            sock = await connected_socket(loop, host, port, **options)
            return await SocketTransport.started(loop, protocol_factory, sock, private=True)
        if host is not None or port is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        return await SocketTransport.started(loop, protocol_factory, checked_stream_socket(sock))

    async def listen(
        self,
        loop: TransportLoop,
        protocol_factory: Callable[[], Any],
        host: str | bytes | Iterable[str | bytes] | None = None,
        port: int | str | bytes | None = None,
        *,
        sock: socket.socket | None = None,
        backlog: int = 100,
        start_serving: bool = True,
        **options: Any,
    ) -> Server:
        """Listen on a port of one or several hosts, or on a bound socket.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol of each connection.
            host: a name or a literal address, or several of them; None or ``""`` for all interfaces.
            port: a number, 0 for a free one, or the name of a service.
            sock: a bound socket, instead of host and port; the server owns it.
            backlog: connections that the kernel may queue.
            start_serving: accept at once; otherwise when ``start_serving`` or ``serve_forever`` is awaited.
            options: ``family``, ``flags``, ``reuse_address``, ``reuse_port`` and ``keep_alive`` of asyncio's
                ``loop.create_server``.

        Raises:
            ValueError: if neither or both of host/port and sock are given, or if the socket carries no stream.
            OSError: if an address cannot be bound.
        """
        if sock is None:
            if host is None and port is None:
                raise ValueError("Neither host/port nor sock were specified")
            sockets = await bound_sockets(loop, host, port, **options)
        elif host is not None or port is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        else:
            sockets = [checked_stream_socket(sock)]
            sock.setblocking(False)
        return started(Server(loop, sockets, protocol_factory, backlog=backlog), start_serving)

    async def adopt(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], sock: socket.socket
    ) -> tuple[SocketTransport, _P]:
        """Make a transport of a connection that was accepted elsewhere.

        Raises:
            ValueError: if the socket carries no stream.
        """
        return await SocketTransport.started(loop, protocol_factory, checked_stream_socket(sock))


class UnixPlugin(StreamPlugin):
    """Make transports of Unix stream sockets."""

    api_version = 1

    async def connect(
        self,
        loop: TransportLoop,
        protocol_factory: Callable[[], _P],
        path: Path | None = None,
        *,
        sock: socket.socket | None = None,
    ) -> tuple[SocketTransport, _P]:
        """Connect to a path, or take a connected socket.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol.
            path: a path, or an abstract name that begins with a NUL byte.
            sock: a connected socket, instead of a path; the transport owns it.

        Raises:
            ValueError: if neither or both of path and sock are given, or if it is not a Unix stream socket.
            OSError: if nobody listens at the path.
        """
        if sock is None:
            if path is None:
                raise ValueError("no path and sock were specified")
            sock = await connect_path(loop, path)
            return await SocketTransport.started(loop, protocol_factory, sock, private=True)
        if path is not None:
            raise ValueError("path and sock can not be specified at the same time")
        return await SocketTransport.started(loop, protocol_factory, checked_unix_socket(sock))

    async def listen(
        self,
        loop: TransportLoop,
        protocol_factory: Callable[[], Any],
        path: Path | None = None,
        *,
        sock: socket.socket | None = None,
        backlog: int = 100,
        start_serving: bool = True,
        cleanup_socket: bool = True,
    ) -> Server:
        """Listen on a path, in place of a stale socket there, or on a bound socket.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol of each connection.
            path: a path, or an abstract name that begins with a NUL byte.
            sock: a bound socket, instead of a path; the server owns it.
            backlog: connections that the kernel may queue.
            start_serving: accept at once; otherwise when ``start_serving`` or ``serve_forever`` is awaited.
            cleanup_socket: remove the path when the server is closed, unless it has become somebody else's. The path
                of a socket that was listening already when it was given belongs to who made it, and is kept.

        Raises:
            ValueError: if neither or both of path and sock are given, or if it is not a Unix stream socket.
            OSError: if the path cannot be bound.
        """
        if sock is None:
            if path is None:
                raise ValueError("path was not specified, and no sock specified")
            sock = listening_socket(path)
        elif path is not None:
            raise ValueError("path and sock can not be specified at the same time")
        else:
            cleanup_socket = cleanup_socket and not is_listening(checked_unix_socket(sock))
            sock.setblocking(False)
        on_close = path_remover(sock) if cleanup_socket else None
        server = Server(loop, [sock], protocol_factory, backlog=backlog, on_close=on_close)
        return started(server, start_serving)

    async def adopt(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], sock: socket.socket
    ) -> tuple[SocketTransport, _P]:
        """Make a transport of a connection that was accepted elsewhere.

        Raises:
            ValueError: if it is not a Unix stream socket.
        """
        return await SocketTransport.started(loop, protocol_factory, checked_unix_socket(sock))


class UdpPlugin(DatagramPlugin):
    """Make UDP transports, and transports of any other datagram socket that is given."""

    api_version = 1

    async def open(
        self,
        loop: TransportLoop,
        protocol_factory: Callable[[], _P],
        local_addr: tuple[str, int] | None = None,
        remote_addr: tuple[str, int] | None = None,
        *,
        sock: socket.socket | None = None,
        **options: Any,
    ) -> tuple[DatagramSocketTransport, _P]:
        """Open an endpoint, bound to an address, connected to one, both or neither; or take a socket.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol.
            local_addr: ``(host, port)`` to receive at.
            remote_addr: ``(host, port)`` to exchange datagrams with, and with nobody else.
            sock: a datagram socket, instead of everything else; the transport owns it.
            options: ``family``, ``proto``, ``flags``, ``reuse_port`` and ``allow_broadcast`` of asyncio's
                ``loop.create_datagram_endpoint``.

        Raises:
            ValueError: if the socket carries a stream, if anything else is given with it, or without any address and
                family.
            OSError: if an address cannot be bound or resolved.
        """
        options |= {"local_addr": local_addr, "remote_addr": remote_addr}
        if sock is None:
            sock, address = await udp_socket(loop, **options)
            return await DatagramSocketTransport.opened(loop, protocol_factory, sock, address)
        return await DatagramSocketTransport.opened(loop, protocol_factory, checked_datagram_socket(sock, options))


class UnixDatagramPlugin(DatagramPlugin):
    """Make transports of Unix datagram sockets."""

    api_version = 1

    async def open(
        self,
        loop: TransportLoop,
        protocol_factory: Callable[[], _P],
        local_addr: Path | None = None,
        remote_addr: Path | None = None,
        *,
        sock: socket.socket | None = None,
        **options: Any,
    ) -> tuple[DatagramSocketTransport, _P]:
        """Open an endpoint, bound to a path, connected to one, both or neither; or take a socket.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol.
            local_addr: the path or abstract name to receive at; a stale socket there is replaced.
            remote_addr: the path or abstract name to exchange datagrams with, and with nobody else.
            sock: a Unix datagram socket, instead of everything else; the transport owns it.
            options: those of asyncio's ``loop.create_datagram_endpoint``, which mean nothing here.

        Raises:
            ValueError: if it is not a Unix datagram socket, or if anything else is given with it.
            OSError: if the path cannot be bound, or nobody receives at the other one.
        """
        if sock is None:
            sock = await unix_socket(loop, local_addr=local_addr, remote_addr=remote_addr)
        else:
            options |= {"local_addr": local_addr, "remote_addr": remote_addr}
            sock = checked_unix_socket(checked_datagram_socket(sock, options), SOCK_DGRAM)
        return await DatagramSocketTransport.opened(loop, protocol_factory, sock)


def started(server: Server, start_serving: bool) -> Server:
    """Let a server accept at once, if that is wanted; close it if it cannot."""
    if start_serving:
        try:
            server.listen()
        except BaseException:
            server.close()
            raise
    return server
