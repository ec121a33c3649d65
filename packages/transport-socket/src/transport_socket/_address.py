"""What may be given to ``sendto``: checked at the call, because a host name would block the loop in the resolver."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["checker_of", "is_same", "is_tuple"]


def checker_of(family: int) -> Callable[[Any], None]:
    """Return the function that raises ValueError for what is no address of a socket of this family."""
    return _CHECKERS.get(family, _check_given)


def is_same(addr: Any, address: Any) -> bool:
    """Tell whether an address that a user gave is the one that the kernel gave; the user may leave off its end."""
    if is_tuple(address):
        return is_tuple(addr) and len(addr) > 1 and addr == address[: len(addr)]
    return type(addr) in (str, bytes) and os.fsencode(addr) == os.fsencode(address)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Tell whether something is a tuple, of which no more is known then."""
    return isinstance(value, tuple)


def _check_given(addr: Any) -> None:
    if addr is None:
        raise ValueError("expected an address to send to, got None: the endpoint is not connected")


def _check_ipv4(addr: Any) -> None:
    _check_given(addr)
    if not (_is_pair(addr, 2) and _is_literal(socket.AF_INET, addr[0])):
        raise ValueError(f"expected an IPv4 address (host, port), got {addr!r}; host names have to be resolved before")


def _check_ipv6(addr: Any) -> None:
    _check_given(addr)
    if not (_is_pair(addr, 4) and _is_literal(socket.AF_INET6, addr[0])):
        raise ValueError(
            f"expected an IPv6 address (host, port[, flowinfo[, scope_id]]), got {addr!r}; "
            "host names have to be resolved before"
        )


def _check_unix(addr: Any) -> None:
    _check_given(addr)
    if not isinstance(addr, (str, bytes)):
        raise ValueError(f"expected a path as str or bytes, got {addr!r}")


_CHECKERS = {socket.AF_INET: _check_ipv4, socket.AF_INET6: _check_ipv6, getattr(socket, "AF_UNIX", None): _check_unix}


def _is_pair(addr: Any, most: int) -> bool:
    """Tell whether this is a host and a port in its range, with nothing but numbers after them."""
    return (
        is_tuple(addr)
        and 2 <= len(addr) <= most
        and isinstance(addr[1], int)
        and 0 <= addr[1] <= 65535
        and all(isinstance(item, int) for item in addr[2:])
    )


def _is_literal(family: int, host: Any) -> bool:
    """Tell whether a host can be used without asking a resolver."""
    if host in ("", "<broadcast>"):  # names of the socket module for INADDR_ANY and INADDR_BROADCAST
        return True
    try:
        # The number of a zone's interface is found without a resolver.
        socket.inet_pton(family, host.partition("%")[0] if family == socket.AF_INET6 else host)
    except (OSError, TypeError, AttributeError, ValueError):
        return False
    return True
