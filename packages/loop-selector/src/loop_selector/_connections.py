"""Streams: the checks of arguments that asyncio makes, and the plug-in that does the work.

Source of the behaviour: Python documentation, "Event Loop", sections "Opening network connections" and "Creating
network servers".
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from loop_selector._tls import TLSFactory, check_timeouts, established
from transport_abc import StreamPlugin

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from loop_selector._loop import SelectorEventLoop
    from loop_selector._tls import SSL
    from transport_abc import BufferedProtocol, Protocol, Transport

    _Stream = TypeVar("_Stream", bound=Protocol | BufferedProtocol | asyncio.BaseProtocol)

_logger = logging.getLogger("asyncio")


async def create_connection(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], _Stream],
    host: str | bytes | None = None,
    port: int | str | bytes | None = None,
    *,
    ssl: SSL = None,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
    sock: socket.socket | None = None,
    local_addr: tuple[str, int] | None = None,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    happy_eyeballs_delay: float | None = None,
    interleave: int | None = None,
    all_errors: bool = False,
) -> tuple[Transport, _Stream]:
    """Connect to a TCP server and return the transport with the protocol that the factory made.

    Raises:
        OSError: if no connection could be made.
        ValueError: if the arguments contradict each other.
        MissingTransportError: if the transport, or that of TLS, is not installed.
    """
    if not ssl and server_hostname is not None:
        raise ValueError("server_hostname is only meaningful with ssl")
    if ssl and server_hostname is None:
        if not host:
            raise ValueError("You must set server_hostname when using ssl without a host")
        server_hostname = host.decode("idna") if isinstance(host, bytes) else host
    check_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    _check_place(host, port, sock, "host and port was not specified and no sock specified")
    factory = (
        TLSFactory(
            loop,
            protocol_factory,
            ssl,
            server_side=False,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        if ssl
        else None
    )
    connected = await loop.plugin("tcp", StreamPlugin).connect(
        loop,
        factory or protocol_factory,
        host,
        port,
        family=family,
        proto=proto,
        flags=flags,
        sock=sock,
        local_addr=local_addr,
        happy_eyeballs_delay=happy_eyeballs_delay,
        interleave=interleave,
        all_errors=all_errors,
    )
    return await _finished(loop, connected, factory)


def _check_place(host: object, port: object, sock: socket.socket | None, nowhere: str) -> None:
    """Refuse a place given twice, or not at all, or as a socket that is no stream."""
    if host is not None or port is not None:
        if sock is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
    elif sock is None:
        raise ValueError(nowhere)
    else:
        check_stream(sock)


def check_stream(sock: socket.socket) -> None:
    """Refuse a socket that a stream transport cannot own.

    Raises:
        TypeError: if it is a TLS socket.
        ValueError: if it is not a stream.
    """
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")


async def _finished(loop: SelectorEventLoop, connected: tuple[Any, Any], factory: TLSFactory | None) -> tuple[Any, Any]:
    """Complete a connection, with its handshake if it has one."""
    if factory is not None:
        connected = await established(factory, connected[1])
    if loop._debug:
        transport, protocol = connected
        _logger.debug("%r connected: (%r, %r)", transport.get_extra_info("socket"), transport, protocol)
    return connected


async def create_server(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], Protocol | BufferedProtocol | asyncio.BaseProtocol],
    host: str | bytes | Sequence[str | bytes] | None = None,
    port: int | str | bytes | None = None,
    *,
    family: int = socket.AF_UNSPEC,
    flags: int = socket.AI_PASSIVE,
    sock: socket.socket | None = None,
    backlog: int = 100,
    ssl: SSL = None,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    keep_alive: bool | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    start_serving: bool = True,
) -> asyncio.Server:
    """Listen on TCP sockets and return the server.

    Raises:
        OSError: if an address cannot be used.
        TypeError: if ``ssl`` is not a context.
        ValueError: if the arguments contradict each other.
        MissingTransportError: if the transport, or that of TLS, is not installed.
    """
    _check_server_ssl(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    _check_place(host, port, sock, "Neither host/port nor sock were specified")
    server: Any = await loop.plugin("tcp", StreamPlugin).listen(
        loop,
        _server_factory(loop, protocol_factory, ssl, ssl_handshake_timeout, ssl_shutdown_timeout),
        host,
        port,
        family=family,
        flags=flags,
        sock=sock,
        backlog=backlog,
        reuse_address=reuse_address,
        reuse_port=reuse_port,
        keep_alive=keep_alive,
        start_serving=start_serving,
    )
    return _serving(loop, server, ssl)


def _check_server_ssl(ssl: SSL, handshake: float | None, shutdown: float | None) -> None:
    if isinstance(ssl, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    check_timeouts(ssl, handshake, shutdown)


def _server_factory(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], Any],
    ssl: SSL,
    handshake: float | None,
    shutdown: float | None,
) -> Callable[[], Any]:
    if ssl is None:
        return protocol_factory
    return TLSFactory(
        loop, protocol_factory, ssl, server_side=True, handshake_timeout=handshake, shutdown_timeout=shutdown
    ).forgetful


def _serving(loop: SelectorEventLoop, server: Any, ssl: SSL) -> asyncio.Server:
    server._ssl_context = ssl  # the tests of websockets ask for it
    if loop._debug:
        _logger.info("%r is serving", server)
    return server  # type: ignore[no-any-return]


async def connect_accepted_socket(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], _Stream],
    sock: socket.socket,
    *,
    ssl: SSL = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
) -> tuple[Transport, _Stream]:
    """Make a transport of a connection that was accepted elsewhere, and return it with its protocol.

    Raises:
        TypeError: if it is a TLS socket.
        ValueError: if it is not a stream, or the arguments contradict each other.
    """
    check_stream(sock)
    check_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    factory = (
        TLSFactory(
            loop,
            protocol_factory,
            ssl,
            server_side=True,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        if ssl
        else None
    )
    adopted = await loop.plugin("tcp", StreamPlugin).adopt(loop, factory or protocol_factory, sock)
    return await _finished(loop, adopted, factory)


# -- Unix sockets --------------------------------------------------------------------------------------------------


def _check_unix_place(path: object, sock: socket.socket | None, nowhere: str) -> None:
    if path is not None:
        if sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
    elif sock is None:
        raise ValueError(nowhere)
    elif sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")


async def create_unix_connection(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], _Stream],
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None = None,
    *,
    ssl: SSL = None,
    sock: socket.socket | None = None,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
) -> tuple[Transport, _Stream]:
    """Connect to a Unix socket and return the transport with the protocol that the factory made.

    Raises:
        OSError: if no connection could be made.
        ValueError: if the arguments contradict each other.
        MissingTransportError: if the transport, or that of TLS, is not installed.
    """
    if ssl and server_hostname is None:
        raise ValueError("you have to pass server_hostname when using ssl")
    if not ssl and server_hostname is not None:
        raise ValueError("server_hostname is only meaningful with ssl")
    check_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    _check_unix_place(path, sock, "no path and sock were specified")
    factory = (
        TLSFactory(
            loop,
            protocol_factory,
            ssl,
            server_side=False,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        if ssl
        else None
    )
    plugin = loop.plugin("unix", StreamPlugin)
    where = None if path is None else os.fspath(path)
    return await _finished(loop, await plugin.connect(loop, factory or protocol_factory, where, sock=sock), factory)


async def create_unix_server(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], Protocol | BufferedProtocol | asyncio.BaseProtocol],
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None = None,
    *,
    sock: socket.socket | None = None,
    backlog: int = 100,
    ssl: SSL = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    start_serving: bool = True,
    cleanup_socket: bool = True,
) -> asyncio.Server:
    """Listen on a Unix socket and return the server.

    Raises:
        OSError: if the path cannot be used.
        TypeError: if ``ssl`` is not a context.
        ValueError: if the arguments contradict each other.
        MissingTransportError: if the transport, or that of TLS, is not installed.
    """
    _check_server_ssl(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    _check_unix_place(path, sock, "path was not specified, and no sock specified")
    server: Any = await loop.plugin("unix", StreamPlugin).listen(
        loop,
        _server_factory(loop, protocol_factory, ssl, ssl_handshake_timeout, ssl_shutdown_timeout),
        None if path is None else os.fspath(path),
        sock=sock,
        backlog=backlog,
        start_serving=start_serving,
        cleanup_socket=cleanup_socket,
    )
    return _serving(loop, server, ssl)
