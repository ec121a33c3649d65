"""From a host and a port to the addresses of sockets."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transport_abc import TransportLoop

__all__ = ["Address", "interleaved", "resolve"]


class Address(NamedTuple):
    """One row of what ``getaddrinfo`` returns."""

    family: int
    type: int
    proto: int
    canonical_name: str
    sockaddr: Any


async def resolve(
    loop: TransportLoop,
    host: str | bytes | None,
    port: int | str | bytes | None,
    *,
    kind: int,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> list[Address]:
    """Return the addresses of a host and a port, of which literal ones are not looked up.

    Raises:
        OverflowError: if the port is not in the range 0 to 65535.
        OSError: if there is no address; ``socket.gaierror`` if the resolver says so.
    """
    _check_port(port)
    literal = _literal(host, port, kind, family, proto)
    if literal is not None:
        return [literal]
    # Looked up now, so that a loop whose resolver was replaced is honoured.
    rows = await loop.getaddrinfo(host, port, family=family, type=kind, proto=proto, flags=flags)
    if not rows:
        raise OSError("getaddrinfo() returned empty list")
    return [Address(*row) for row in rows]


def _check_port(port: int | str | bytes | None) -> None:
    """Refuse a port out of range, which resolvers cut to 16 bits."""
    if isinstance(port, (str, bytes)) and port.isdigit():
        port = int(port)
    if isinstance(port, int) and not 0 <= port <= 65535:
        raise OverflowError(f"port must be 0-65535, got {port!r}")


def _literal(
    host: str | bytes | None, port: int | str | bytes | None, kind: int, family: int, proto: int
) -> Address | None:
    """Return the address of a literal host and a numeric port, or None if the resolver has to be asked."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    # A zone (fe80::1%eth0) has to be turned into the number of an interface, which is the resolver's work.
    if not host or "%" in host or not (isinstance(port, int) or not port or port.isdigit()):
        return None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    found = socket.AF_INET if address.version == 4 else socket.AF_INET6
    if family not in {socket.AF_UNSPEC, found}:
        return None
    rest = () if address.version == 4 else (0, 0)
    proto = proto or (socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else socket.IPPROTO_UDP)
    return Address(found, kind, proto, "", (str(address), int(port or 0), *rest))


def interleaved(addresses: Iterable[Address], first_family_count: int) -> list[Address]:
    """Order addresses so that the families alternate (RFC 8305, section 4).

    Args:
        addresses: in the order of the resolver's preference.
        first_family_count: how many of the first family come before the families alternate; at least 1.
    """
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address.family, []).append(address)
    queues = list(families.values())
    head = queues[0][: first_family_count - 1]
    del queues[0][: first_family_count - 1]
    rounds = max(map(len, queues))
    return head + [queue[turn] for turn in range(rounds) for queue in queues if turn < len(queue)]
