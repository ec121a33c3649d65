"""Names and addresses, without blocking the loop.

Theory of operation. The system's resolver blocks, for tens of seconds if a name server does not answer, and cannot be
interrupted. Each look-up therefore has a thread of its own, which ends with it, and not one of the default executor:
blocking functions of the application cannot starve the resolver, nor slow names the application. At most
:data:`_MOST` run at the same time, the others wait their turn. The threads are daemons: a look-up that nobody waits
for any more does not hold up the end of the program.

A literal address needs no resolver: the same function of the system, told that there is no name in it, answers at once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from loop_selector._loop import SelectorEventLoop

    _IPv4: TypeAlias = tuple[Literal[socket.AddressFamily.AF_INET], socket.SocketKind, int, str, tuple[str, int]]
    _IPv6: TypeAlias = tuple[
        Literal[socket.AddressFamily.AF_INET6],
        socket.SocketKind,
        int,
        str,
        tuple[str, int, int, int] | tuple[int, bytes],
    ]
    AddressInfo: TypeAlias = _IPv4 | _IPv6

_logger = logging.getLogger("asyncio")

_MOST = 64
"""How many look-ups of one loop run at the same time."""


class LookupThreads:
    """Run blocking functions, each in a thread that ends with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call a function in a thread; the future can be cancelled until the call begins."""
        future: Future[Any] = Future()
        with self._lock:
            self._waiting.append((future, function, args))
            if self._running == _MOST:
                return future
            self._running += 1
        threading.Thread(target=self._work, name="asyncio-resolver", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                future, function, args = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                _call(future, function, args)
            del future, function, args


def _call(future: Future[Any], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        result = function(*args)
    except BaseException as exc:
        future.set_exception(exc)
    else:
        future.set_result(result)


async def getaddrinfo(
    loop: SelectorEventLoop,
    host: bytes | str | None,
    port: bytes | str | int | None,
    *,
    family: int = 0,
    type: int = 0,  # noqa: A002 - asyncio's name
    proto: int = 0,
    flags: int = 0,
) -> list[AddressInfo]:
    """Resolve a name as :func:`socket.getaddrinfo` does; literal addresses are answered without a thread.

    Raises:
        socket.gaierror: if there is no such name.
    """
    loop._check_closed()
    # Looked up at each call, so that a test may replace it.
    function: Callable[..., Any] = socket.getaddrinfo
    if is_literal(host) and is_number(port):
        return function(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)  # type: ignore[no-any-return]
    arguments = (host, port, family, type, proto, flags)
    if loop._debug:
        return await _in_thread(loop, _timed_getaddrinfo, loop, function, *arguments)  # type: ignore[no-any-return]
    return await _in_thread(loop, function, *arguments)  # type: ignore[no-any-return]


async def getnameinfo(
    loop: SelectorEventLoop,
    sockaddr: tuple[str, int] | tuple[str, int, int] | tuple[str, int, int, int],
    flags: int = 0,
) -> tuple[str, str]:
    """Resolve an address as :func:`socket.getnameinfo` does.

    Raises:
        socket.gaierror: if it cannot be resolved.
    """
    loop._check_closed()
    return await _in_thread(loop, socket.getnameinfo, sockaddr, flags)  # type: ignore[no-any-return]


async def _in_thread(loop: SelectorEventLoop, function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.wrap_future(loop._lookups.submit(function, *args), loop=loop)


def _timed_getaddrinfo(loop: SelectorEventLoop, function: Callable[..., Any], *arguments: Any) -> Any:
    """Resolve a name and log how long it took."""
    host, port, *options = arguments
    shown = ", ".join(
        [f"{host}:{port!r}"]
        + [
            f"{name}={value!r}"
            for name, value in zip(("family", "type", "proto", "flags"), options, strict=True)
            if value
        ]
    )
    _logger.debug("Get address info %s", shown)
    start = loop.time()
    found = function(*arguments)
    seconds = loop.time() - start
    level = logging.INFO if seconds >= loop.slow_callback_duration else logging.DEBUG
    _logger.log(level, "Getting address info %s took %.3fms: %r", shown, seconds * 1e3, found)
    return found


async def resolve_one(loop: SelectorEventLoop, address: Any, sock: socket.socket) -> Any:
    """Return the address that a socket of an Internet family shall be connected to, with its host resolved.

    An address whose host is literal is returned as it is: flow and scope of IPv6 are kept.
    """
    host, port = address[:2]
    if isinstance(port, int) and is_literal(host) and "%" not in str(host):
        return address
    infos = await loop.getaddrinfo(host, port, family=sock.family, type=sock.type, proto=sock.proto)
    if not infos:
        raise OSError("getaddrinfo() returned empty list")
    return infos[0][4]


def is_literal(host: bytes | str | None) -> bool:
    """Return whether a host is an IPv4 or IPv6 address in figures, maybe with a zone."""
    if isinstance(host, bytes):
        try:
            host = host.decode("ascii")
        except UnicodeDecodeError:
            return False
    if not isinstance(host, str):
        return False
    if ":" in host:
        return _is_address(socket.AF_INET6, host.partition("%")[0])
    return _is_address(socket.AF_INET, host)


def _is_address(family: int, text: str) -> bool:
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):
        return False
    return True


def is_number(port: bytes | str | int | None) -> bool:
    """Return whether a port is a number, or nothing, and not the name of a service."""
    return port is None or isinstance(port, int) or port.isdigit()
