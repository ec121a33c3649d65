"""What ``create_datagram_endpoint`` does: resolve, bind, connect.

Source: Python documentation, "Event Loop", ``loop.create_datagram_endpoint``.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from transport_socket._address import is_tuple
from transport_socket._connect import bind_error
from transport_socket._listen import set_reuse_port
from transport_socket._resolve import resolve
from transport_socket._unix import bind_path

if TYPE_CHECKING:
    from transport_abc import TransportLoop

__all__ = ["checked_datagram_socket", "udp_socket", "unix_socket"]


def checked_datagram_socket(sock: socket.socket, options: dict[str, Any]) -> socket.socket:
    """Return a socket if it carries datagrams and nothing else was asked for.

    Raises:
        ValueError: if it carries a stream, or together with any option.
    """
    if sock.type == socket.SOCK_STREAM:
        raise ValueError(f"A datagram socket was expected, got {sock!r}")
    given = ", ".join(f"{name}={value}" for name, value in options.items() if value)
    if given:
        raise ValueError(f"socket modifier keyword arguments can not be used when sock is specified. ({given})")
    return sock


async def udp_socket(
    loop: TransportLoop,
    *,
    local_addr: Any = None,
    remote_addr: Any = None,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
    reuse_port: bool | None = None,
    allow_broadcast: bool | None = None,
) -> tuple[socket.socket, Any]:
    """Make a UDP socket, bound and connected as asked for.

    SO_REUSEADDR is not set: it would let any process of the machine take the port over.

    Args:
        loop: any asyncio loop; its ``getaddrinfo`` and ``sock_connect`` do the work.
        local_addr: ``(host, port)`` to bind to.
        remote_addr: ``(host, port)`` to connect to; with ``allow_broadcast`` only the address to send to.
        family: passed to ``getaddrinfo``; needed without any address.
        proto: passed to ``getaddrinfo``.
        flags: passed to ``getaddrinfo``.
        reuse_port: set SO_REUSEPORT.
        allow_broadcast: set SO_BROADCAST.

    Returns:
        The socket, and the only address to send to if the socket is not connected to it.

    Raises:
        OSError: if no pair of addresses can be used.
        TypeError: if an address is not a pair.
        ValueError: without addresses and family, or if the addresses have no family in common.
    """
    failure: OSError | None = None
    for key, local, remote in await _candidates(loop, local_addr, remote_addr, family, proto, flags):
        try:
            sock = socket.socket(family=key[0], type=socket.SOCK_DGRAM, proto=key[1])
        except OSError as exc:
            failure = failure or exc
            continue
        try:
            _prepare(sock, local, reuse_port, allow_broadcast)
            if remote is not None and not allow_broadcast:
                await loop.sock_connect(sock, remote)
        except OSError as exc:
            sock.close()
            failure = failure or exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock, remote
    raise failure or ValueError("can not get address information")


async def _candidates(
    loop: TransportLoop, local_addr: Any, remote_addr: Any, family: int, proto: int, flags: int
) -> list[tuple[tuple[int, int], Any, Any]]:
    """Return (family and protocol, local address, remote address) in the order in which they are to be tried."""
    if not (local_addr or remote_addr):
        if family == 0:
            raise ValueError("unexpected address family")
        return [((family, proto), None, None)]
    found: list[dict[tuple[int, int], Any]] = []
    for addr in (local_addr, remote_addr):
        if addr is not None and not (is_tuple(addr) and len(addr) == 2):
            raise TypeError(f"2-tuple is expected, got {addr!r}")
        rows = (
            []
            if addr is None
            else await resolve(loop, *addr, kind=socket.SOCK_DGRAM, family=family, proto=proto, flags=flags)
        )
        first: dict[tuple[int, int], Any] = {}
        for row in rows:
            first.setdefault((row.family, row.proto), row.sockaddr)
        found.append(first)
    local, remote = found
    keys = [key for key in local or remote if not remote or key in remote]
    return [(key, local.get(key), remote.get(key)) for key in keys]


def _prepare(sock: socket.socket, local: Any, reuse_port: bool | None, allow_broadcast: bool | None) -> None:
    sock.setblocking(False)
    if reuse_port:
        set_reuse_port(sock)
    if allow_broadcast:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if local is not None:
        try:
            sock.bind(local)
        except OSError as exc:
            raise bind_error(exc, local) from None


async def unix_socket(loop: TransportLoop, *, local_addr: Any = None, remote_addr: Any = None) -> socket.socket:
    """Make a Unix datagram socket, bound (in place of a stale one) and connected as asked for.

    Raises:
        OSError: if the path cannot be bound or nobody receives at the other one.
        TypeError: if an address is not a path.
    """
    for addr in (local_addr, remote_addr):
        if addr is not None and not isinstance(addr, (str, bytes, os.PathLike)):
            raise TypeError(f"string is expected, got {addr!r}")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if local_addr:
            bind_path(sock, local_addr)
        if remote_addr:
            await loop.sock_connect(sock, os.fspath(remote_addr))
    except BaseException:
        sock.close()
        raise
    return sock
