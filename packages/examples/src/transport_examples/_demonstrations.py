"""One demonstration for each transport: a client against a server, in one process, on one loop."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop_selector import MissingTransportError, SelectorEventLoop
from transport_abc import Plugin
from transport_examples import (
    open_socket,
    pipe_echo,
    starttls_echo,
    subprocess_echo,
    tcp_echo_client,
    tcp_echo_server,
    tls_echo_client,
    tls_echo_server,
    udp_echo_client,
    udp_echo_server,
    unix_echo_client,
    unix_echo_server,
)
from transport_examples._certificates import client_context, made_server_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["DEMONSTRATIONS", "Demonstration", "Outcome", "demonstrate"]


@dataclass(frozen=True)
class Demonstration:
    """An echo over one transport.

    Attributes:
        transport: the name under which the loop looks the transport up.
        what: a few words for the table.
        echo: sends a message and returns what came back.
    """

    transport: str
    what: str
    echo: Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True)
class Outcome:
    """What one demonstration did.

    Attributes:
        transport: the name of the transport.
        what: a few words about the demonstration.
        state: ``ok``, ``not installed`` or ``failed``.
        detail: what was exchanged, or what to install, or what went wrong.
        milliseconds: how long it took.
    """

    transport: str
    what: str
    state: str
    detail: str
    milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain data, for ``--json``."""
        return asdict(self)


async def _tcp(message: bytes) -> bytes:
    async with await tcp_echo_server.start("127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        return await tcp_echo_client.echo(host, port, message)


async def _unix(message: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        async with await unix_echo_server.start(f"{folder}/echo.sock"):
            return await unix_echo_client.echo(f"{folder}/echo.sock", message)


async def _udp(message: bytes) -> bytes:
    server = await udp_echo_server.start("127.0.0.1", 0)
    try:
        return await udp_echo_client.echo("127.0.0.1", server.get_extra_info("sockname")[1], message)
    finally:
        server.close()


async def _tls(message: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder, "authority.pem")
        async with await tls_echo_server.start("127.0.0.1", 0, made_server_context(authority)) as server:
            host, port = server.sockets[0].getsockname()
            return await tls_echo_client.echo(host, port, message, client_context(str(authority)))


PATIENCE = 10.0
"""Seconds after which a demonstration has failed."""

DEMONSTRATIONS = [
    Demonstration("tcp", "echo server and client", _tcp),
    Demonstration("tcp", "an open socket, registered", open_socket.receive),
    Demonstration("unix", "echo server and client", _unix),
    Demonstration("udp", "echo server and client", _udp),
    Demonstration("ssl", "echo server and client", _tls),
    Demonstration("ssl", "STARTTLS", starttls_echo.exchange),
    Demonstration("pipe", "echo through two pipes", pipe_echo.echo),
    Demonstration("subprocess", "echo by a child, `cat`", subprocess_echo.echo),
]


def _check_installed(transport: str) -> None:
    """Raise what the loop raises for a transport that is missing, before anything is started that would wait for it."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, SelectorEventLoop):
        loop.plugin(transport, Plugin)


async def demonstrate(demonstration: Demonstration, message: bytes) -> Outcome:
    """Run one demonstration and tell how it went; never raises for a transport that is missing or fails."""
    start = time.perf_counter()
    try:
        _check_installed(demonstration.transport)
        async with asyncio.timeout(PATIENCE):
            echo = await demonstration.echo(message)
    except MissingTransportError as exc:
        state, detail = "not installed", str(exc)
    except Exception as exc:
        state, detail = "failed", f"{type(exc).__name__}: {exc}"
    else:
        state = "ok" if echo == message else "failed"
        detail = f"{len(message)} bytes there, {len(echo)} bytes back"
    elapsed = (time.perf_counter() - start) * 1000
    return Outcome(demonstration.transport, demonstration.what, state, detail, round(elapsed, 2))
