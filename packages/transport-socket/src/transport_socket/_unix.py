"""Unix sockets: connect to a path, bind a path, and remove it again.

Theory of operation. The name of a Unix socket is a file that outlives the socket: after a crash it is still there, and
bind(2) refuses it although nobody listens. It may be replaced only if it is stale, and the kernel knows: connect(2) to
a name without a socket behind it fails with ECONNREFUSED. The probe is a *datagram* socket, whatever is to be bound.
To a stream socket it cannot connect either, but fails with EPROTOTYPE, even if that socket does not listen yet; so a
live server is recognised and does not see a connection come and go.

Between the probe and the removal another process may bind the name; nothing in the system prevents this race. When a
server is closed, the name is removed only if it still has the device and the inode that it had when it was bound.

Names of the abstract namespace (a first NUL byte, Linux) are no files; they vanish with their socket.

Source: unix(7); Python documentation, "Event Loop", section "Working with Unix sockets".
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport_abc import TransportLoop

    Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

__all__ = [
    "Path",
    "bind_path",
    "checked_unix_socket",
    "connect_path",
    "is_listening",
    "listening_socket",
    "path_remover",
]

_logger = logging.getLogger("asyncio")


def checked_unix_socket(sock: socket.socket, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """Return a socket if it is a Unix socket of a kind.

    Raises:
        ValueError: if it is not.
    """
    if sock.family != socket.AF_UNIX or sock.type != kind:
        name = "Stream" if kind == socket.SOCK_STREAM else "Datagram"
        raise ValueError(f"A UNIX Domain {name} Socket was expected, got {sock!r}")
    return sock


async def connect_path(loop: TransportLoop, path: Path) -> socket.socket:
    """Connect to the server at a path.

    Raises:
        OSError: if nobody listens there; BlockingIOError if the server's queue of connections is full.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, os.fspath(path))
        _check_connected(sock)
    except OSError as exc:
        sock.close()
        raise _naming(exc, path) from None
    except BaseException:
        sock.close()
        raise
    return sock


def _naming(exc: OSError, path: Path) -> OSError:
    """Return an error of connect(2) that names the path."""
    if exc.errno is None:  # "AF_UNIX path too long" comes without a number
        return OSError(errno.ENAMETOOLONG, str(exc), path)
    if exc.filename is None:
        exc.filename = path
    return exc


def _check_connected(sock: socket.socket) -> None:
    """Tell a full queue, for which connect(2) gives EAGAIN, from a connection that is being made."""
    try:
        sock.getpeername()
    except OSError as exc:
        if exc.errno != errno.ENOTCONN:
            raise
        raise BlockingIOError(errno.EAGAIN, "Connect call failed, the server's queue is full") from None


def listening_socket(path: Path) -> socket.socket:
    """Bind a stream socket to a path, in place of a stale one.

    Raises:
        OSError: if the path cannot be had; it is named.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        bind_path(sock, path)
    except BaseException:
        sock.close()
        raise
    return sock


def bind_path(sock: socket.socket, path: Path) -> None:
    """Bind a Unix socket to a path, in place of a stale one; somebody else's live socket is never replaced.

    Raises:
        OSError: if the path cannot be had; it is named.
    """
    name = os.fspath(path)
    try:
        try:
            sock.bind(name)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE or not _is_stale(name):
                raise
            os.unlink(name)
            sock.bind(name)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise OSError(exc.errno, f"Address {name!r} is already in use") from None
        number = exc.errno or errno.ENAMETOOLONG  # as in _naming()
        raise OSError(number, f"error while attempting to bind on address {name!r}: {str(exc).lower()}") from None


def _is_stale(name: str | bytes) -> bool:
    """Tell whether a name is that of a socket that exists no more."""
    if _is_abstract(name) or not _is_socket(name):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(name)
        except ConnectionRefusedError:
            return True
        except OSError:  # EPROTOTYPE, or it is not ours to judge (EACCES)
            return False
    return False


def _is_socket(name: str | bytes) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(name).st_mode)
    except OSError:
        return False


def _is_abstract(name: str | bytes) -> bool:
    return name[:1] in ("\0", b"\0")


def is_listening(sock: socket.socket) -> bool:
    """Tell whether a socket listens; False where the system does not say."""
    option = getattr(socket, "SO_ACCEPTCONN", None)
    return option is not None and bool(sock.getsockopt(socket.SOL_SOCKET, option))


def path_remover(sock: socket.socket) -> Callable[[], None] | None:
    """Return a function that removes the path of a bound socket, unless the path is another's by then.

    Returns:
        None if there is nothing to be removed.
    """
    name = sock.getsockname()
    if not name or _is_abstract(name):
        return None
    name = os.path.abspath(name)  # the working directory may change
    try:
        bound = os.stat(name)
    except OSError:
        return None

    def remove() -> None:
        try:
            if os.path.samestat(os.stat(name), bound):
                os.unlink(name)
        except FileNotFoundError:
            pass
        except OSError as exc:
            _logger.error("Unable to clean up listening UNIX socket %r: %r", name, exc)

    return remove
