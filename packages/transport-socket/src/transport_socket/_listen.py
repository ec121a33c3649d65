"""What ``create_server`` does: resolve the hosts, bind a socket to each address.

Source: Python documentation, "Event Loop", ``loop.create_server``.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from transport_socket._connect import bind_error
from transport_socket._resolve import Address, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transport_abc import TransportLoop

__all__ = ["bound_sockets"]

_logger = logging.getLogger("asyncio")


async def bound_sockets(
    loop: TransportLoop,
    host: str | bytes | Iterable[str | bytes] | None,
    port: int | str | bytes | None,
    *,
    family: int = socket.AF_UNSPEC,
    flags: int = socket.AI_PASSIVE,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    keep_alive: bool | None = None,
) -> list[socket.socket]:
    """Bind a stream socket to each address of each host.

    Args:
        loop: any asyncio loop; its ``getaddrinfo`` does the work.
        host: a name or a literal address, or several; None or ``""`` for all interfaces.
        port: a number, 0 for a free one per address, or the name of a service.
        family: passed to ``getaddrinfo``.
        flags: passed to ``getaddrinfo``.
        reuse_address: set SO_REUSEADDR; by default on POSIX systems.
        reuse_port: set SO_REUSEPORT, so that several sockets share a port.
        keep_alive: set SO_KEEPALIVE.

    Raises:
        OSError: if an address cannot be bound; it is named.
        ValueError: if the system does not support ``reuse_port``.
    """
    addresses: dict[Address, None] = {}  # as a set that keeps its order
    for name in _names(host):
        addresses.update(
            dict.fromkeys(await resolve(loop, name, port, kind=socket.SOCK_STREAM, family=family, flags=flags))
        )
    if reuse_address is None:
        reuse_address = os.name == "posix" and sys.platform != "cygwin"
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            sock = _made(address)
            if sock is not None:
                sockets.append(sock)
                _set_options(sock, reuse_address, reuse_port, keep_alive)
                if not _is_bound(sock, address.sockaddr):
                    sockets.pop().close()
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    if not sockets:
        raise OSError(f"could not bind on any address out of {[address.sockaddr for address in addresses]!r}")
    return sockets


def _names(host: str | bytes | Iterable[str | bytes] | None) -> list[str | bytes | None]:
    """Return the hosts to resolve; None stands for all interfaces."""
    if host is None or isinstance(host, (str, bytes)):
        return [host or None]
    return list(host)


def _made(address: Address) -> socket.socket | None:
    """Return a socket in non-blocking mode, or None if the system is built without this family."""
    try:
        sock = socket.socket(address.family, address.type, address.proto)
    except OSError:
        _logger.debug("create_server() failed to create a socket for %r", address, exc_info=True)
        return None
    sock.setblocking(False)
    return sock


def _set_options(
    sock: socket.socket, reuse_address: bool | None, reuse_port: bool | None, keep_alive: bool | None
) -> None:
    if reuse_address:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        set_reuse_port(sock)
    if keep_alive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sock.family == socket.AF_INET6 and hasattr(socket, "IPPROTO_IPV6"):
        # Otherwise the IPv6 socket takes the port for IPv4 too, and the IPv4 socket cannot be bound.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def set_reuse_port(sock: socket.socket) -> None:
    """Let several sockets share a port.

    Raises:
        ValueError: if the system cannot.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("reuse_port not supported by socket module")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        raise ValueError(
            "reuse_port not supported by socket module, SO_REUSEPORT defined but not implemented."
        ) from None


def _is_bound(sock: socket.socket, sockaddr: Any) -> bool:
    """Bind a socket; tell whether the address is one of this machine.

    Raises:
        OSError: if the address cannot be had.
    """
    try:
        sock.bind(sockaddr)
    except OSError as exc:
        error = bind_error(exc, sockaddr)
        if exc.errno == errno.EADDRNOTAVAIL:  # for example ::1 where IPv6 is switched off
            _logger.warning("%s", error)
            return False
        raise error from None
    return True
