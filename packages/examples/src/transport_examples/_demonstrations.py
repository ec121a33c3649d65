"""One demonstration for each transport: a client against a server, in one process, on one loop."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop_selector import MissingTransportError, SelectorEventLoop
from transport_abc import Plugin, get_running_loop
from transport_examples import (
    asyncio_echo,
    descriptor_echo,
    key_value_client,
    key_value_server,
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
    unix_datagram_echo,
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
        package: the distribution that is shown.
        transport: the name under which the loop looks the transport up; none if it takes no transport.
        what: a few words for the table.
        echo: sends a message and returns what came back.
    """

    package: str
    transport: str | None
    what: str
    echo: Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True)
class Outcome:
    """What one demonstration did.

    Attributes:
        package: the distribution that was shown.
        transport: the name of the transport, if it took one.
        what: a few words about the demonstration.
        state: ``ok``, ``not installed`` or ``failed``.
        detail: how much came back, or what to install, or what went wrong.
        milliseconds: how long it took.
    """

    package: str
    transport: str | None
    what: str
    state: str
    detail: str
    milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain data, for ``--json``."""
        return asdict(self)


async def _stock(message: bytes) -> bytes:
    return await asyncio.to_thread(asyncio.run, asyncio_echo.echo(message))


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


async def _key_value(message: bytes) -> bytes:
    loop, store = get_running_loop(), key_value_server.Store(key_value_server.Limits(line=2 * len(message) + 100))
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder, "authority.pem")
        context = made_server_context(authority)
        factory = partial(key_value_server.Session, store)
        async with await loop.create_server(factory, "127.0.0.1", 0, ssl=context) as server:
            host, port = server.sockets[0].getsockname()
            commands = [f"SET message {message.hex() or '-'}", "GET message"]
            _, answer = await key_value_client.ask(host, port, client_context(str(authority)), commands)
    return bytes.fromhex(answer.removeprefix("VALUE ").removesuffix("-"))


PATIENCE = 10.0
"""Seconds after which a demonstration has failed."""

DEMONSTRATIONS = [
    Demonstration("transport-abc", None, "a protocol on stock asyncio", _stock),
    Demonstration("loop-selector", None, "descriptors, no transport", descriptor_echo.echo),
    Demonstration("transport-socket", "tcp", "echo server and client", _tcp),
    Demonstration("transport-socket", "tcp", "an open socket, registered", open_socket.receive),
    Demonstration("transport-socket", "unix", "echo server and client", _unix),
    Demonstration("transport-socket", "udp", "echo server and client", _udp),
    Demonstration("transport-socket", "unix-datagram", "echo between two paths", unix_datagram_echo.echo),
    Demonstration("transport-ssl", "ssl", "echo server and client", _tls),
    Demonstration("transport-ssl", "ssl", "STARTTLS", starttls_echo.exchange),
    Demonstration("transport-ssl", "ssl", "key-value server", _key_value),
    Demonstration("transport-subprocess", "pipe", "echo through two pipes", pipe_echo.echo),
    Demonstration("transport-subprocess", "subprocess", "echo by a child, `cat`", subprocess_echo.echo),
]


def _check_installed(transport: str | None) -> None:
    """Raise what the loop raises for a transport that is missing, before anything is started that would wait for it."""
    loop = asyncio.get_running_loop()
    if transport is not None and isinstance(loop, SelectorEventLoop):
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
        detail = f"{len(echo)} bytes" + ("" if echo == message else f" of {len(message)}, or others")
    elapsed = (time.perf_counter() - start) * 1000
    shown = demonstration.package, demonstration.transport, demonstration.what
    return Outcome(*shown, state, detail, round(elapsed, 2))
