"""What ``create_connection`` does: resolve, try the addresses, make the transport.

Source: Python documentation, "Event Loop", ``loop.create_connection``; RFC 8305 (happy eyeballs).
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from transport_socket._resolve import Address, interleaved, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from transport_abc import TransportLoop

    _Attempt: TypeAlias = asyncio.Task[socket.socket | None]

__all__ = ["bind_error", "checked_stream_socket", "connected_socket"]


def checked_stream_socket(sock: socket.socket) -> socket.socket:
    """Return a socket if it carries a stream.

    Raises:
        ValueError: if it does not.
    """
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")
    return sock


async def connected_socket(
    loop: TransportLoop,
    host: str | bytes | None,
    port: int | str | bytes | None,
    *,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
    local_addr: tuple[str | bytes | None, int] | None = None,
    happy_eyeballs_delay: float | None = None,
    interleave: int | None = None,
    all_errors: bool = False,
) -> socket.socket:
    """Connect to the first address of a host that answers.

    Args:
        loop: any asyncio loop; its ``getaddrinfo`` and ``sock_connect`` do the work.
        host: a name or a literal address.
        port: a number or the name of a service.
        family: passed to ``getaddrinfo``.
        proto: passed to ``getaddrinfo``.
        flags: passed to ``getaddrinfo``.
        local_addr: ``(host, port)`` to bind the socket to.
        happy_eyeballs_delay: seconds after which the next address is tried while the one before is still connecting;
            None to try one after the other.
        interleave: how many addresses of the first family come before the families alternate; 0 keeps the resolver's
            order. By default 1 with ``happy_eyeballs_delay``, 0 without.
        all_errors: raise an ExceptionGroup of what went wrong with each address.

    Raises:
        OSError: if no address answered.
        ExceptionGroup: the same with ``all_errors``.
    """
    query = partial(resolve, loop, kind=socket.SOCK_STREAM, family=family, proto=proto, flags=flags)
    addresses = await query(host, port)
    local = None if local_addr is None else await query(*local_addr)
    if interleave is None:
        interleave = 0 if happy_eyeballs_delay is None else 1
    if interleave:
        addresses = interleaved(addresses, interleave)
    race = _Race(loop, addresses, local)
    try:
        sock = await race.run(happy_eyeballs_delay)
        if sock is None:
            raise _failure(race.errors, all_errors)
        return sock
    finally:
        race.errors.clear()  # they hold frames, which hold this one


class _Race:
    """Try addresses one after the other, or each a moment after the one before, until one is connected."""

    def __init__(self, loop: TransportLoop, addresses: Sequence[Address], local: Sequence[Address] | None) -> None:
        self._loop = loop
        self._addresses = addresses
        self._local = local
        self.errors: list[Exception] = []

    async def run(self, delay: float | None) -> socket.socket | None:
        """Return a connected socket, or None if all attempts failed; the reasons are in ``errors``."""
        if delay is not None and len(self._addresses) > 1:
            return await self._staggered(delay)
        for address in self._addresses:
            sock = await self._attempt(address)
            if sock is not None:
                return sock
        return None

    async def _attempt(self, address: Address) -> socket.socket | None:
        """Connect to one address, or note the error."""
        try:
            sock = socket.socket(family=address.family, type=address.type, proto=address.proto)
        except OSError as exc:
            self.errors.append(exc)
            return None
        try:
            sock.setblocking(False)
            if self._local is not None:
                self._bind(sock, self._local)
            await self._loop.sock_connect(sock, address.sockaddr)
        except OSError as exc:
            sock.close()
            self.errors.append(exc)
            return None
        except BaseException:
            sock.close()
            raise
        return sock

    def _bind(self, sock: socket.socket, local: Sequence[Address]) -> None:
        """Bind a socket to the first local address of its family that can be had; note why others could not.

        Raises:
            OSError: if there is none.
        """
        failures: list[OSError] = []
        try:
            for address in local:
                if address.family == sock.family:
                    try:
                        sock.bind(address.sockaddr)
                    except OSError as exc:
                        failures.append(bind_error(exc, address.sockaddr))
                    else:
                        return
            raise failures.pop() if failures else OSError(f"no matching local address with {sock.family=} found")
        finally:
            self.errors += failures

    async def _staggered(self, delay: float) -> socket.socket | None:
        """Start an attempt when the one before has failed, or after a delay; the first connected socket wins."""
        waiting = list(reversed(self._addresses))
        tasks: list[_Attempt] = []
        running: set[_Attempt] = set()
        winner: _Attempt | None = None
        try:
            while winner is None and (waiting or running):
                if waiting:
                    tasks.append(self._loop.create_task(self._attempt(waiting.pop())))
                    running.add(tasks[-1])
                done, running = await asyncio.wait(
                    running, timeout=delay if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                winner = next((task for task in tasks if task in done and task.result() is not None), None)
        finally:
            await _stop(tasks, winner)
        return None if winner is None else winner.result()


async def _stop(tasks: list[_Attempt], winner: _Attempt | None) -> None:
    """End the attempts that have lost; their sockets are closed, the winner's too if this is cancelled."""
    losers = {task for task in tasks if task is not winner}
    for task in losers:
        task.cancel()
    try:
        if losers:
            await asyncio.wait(losers)
    except BaseException:
        losers.update(tasks)
        raise
    finally:
        for task in losers:
            task.add_done_callback(_close_result)


def _close_result(task: _Attempt) -> None:
    if not task.cancelled() and task.exception() is None:
        sock = task.result()
        if sock is not None:
            sock.close()


def bind_error(exc: OSError, sockaddr: Any) -> OSError:
    """Return a bind error that names the address; its class and number are those of the original."""
    return OSError(exc.errno, f"error while attempting to bind on address {sockaddr!r}: {str(exc).lower()}")


def _failure(errors: list[Exception], all_errors: bool) -> Exception:
    """Make one exception of those of all attempts."""
    if all_errors:
        return ExceptionGroup("create_connection failed", errors)
    if len({str(error) for error in errors}) == 1:
        return errors[0]
    return OSError(f"Multiple exceptions: {', '.join(map(str, errors))}")
