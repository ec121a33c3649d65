"""Short ways to make transports with our plug-ins in the running loop, whichever it is, and to look at them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from transport_abc.testing import Recorder
from transport_socket import Server, SocketTransport, TcpPlugin, UdpPlugin, UnixDatagramPlugin, UnixPlugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from transport_abc import TransportLoop

TCP = TcpPlugin()
UNIX = UnixPlugin()
UDP = UdpPlugin()
UNIX_DATAGRAM = UnixDatagramPlugin()

HOST = "127.0.0.1"

LIMIT = 20.0
"""Seconds after which an event that must come is taken not to come."""


def running() -> TransportLoop:
    return cast("TransportLoop", asyncio.get_running_loop())


def made(*protocols: Any) -> Any:
    """Return a factory that hands out these protocols in their order."""
    return iter(protocols).__next__


def port_of(server: Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def reports() -> list[dict[str, Any]]:
    """Return the list to which everything goes that the loop would report from now on."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: found.append(context))
    return found


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Any) -> None:
    """Let the loop turn until a condition holds that no callback announces."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - what is waited for has no callback
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(factory: Any, *, plugin: Any = TCP, where: Any = (HOST, 0), **options: Any) -> AsyncIterator[Server]:
    """Listen, and close the server with all its connections at the end."""
    server = await plugin.listen(running(), factory, *where, **options)
    try:
        yield server
    finally:
        server.close()
        server.abort_clients()
        async with asyncio.timeout(LIMIT):
            await server.wait_closed()


@asynccontextmanager
async def connected(
    left: Recorder | None = None, right: Recorder | None = None
) -> AsyncIterator[tuple[SocketTransport, SocketTransport]]:
    """Connect two TCP transports: (the one that connected, the one that was accepted)."""
    left = left or Recorder()
    right = right or Recorder()
    async with serving(made(right)) as server:
        transport, _ = await TCP.connect(running(), made(left), HOST, port_of(server))
        await right.called("connection_made")
        yield transport, cast("SocketTransport", right.transport)
        transport.abort()
        await left.lost()


@contextlib.contextmanager
def peer_of(server: Server) -> Iterator[socket.socket]:
    """Connect a blocking socket to a server."""
    with socket.create_connection((HOST, port_of(server)), LIMIT) as sock:
        yield sock


@contextlib.contextmanager
def unanswered() -> Iterator[tuple[str, int]]:
    """An address to which a connection hangs: its queue is full and nobody accepts."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((HOST, 0))
        server.listen(0)
        address = server.getsockname()
        while True:
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0.2)
            try:
                sock.connect(address)
            except TimeoutError:
                break
        yield address


@contextlib.contextmanager
def refused() -> Iterator[tuple[str, int]]:
    """An address that is ours, and where nobody listens."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()


def resolving_to(*addresses: tuple[str, int]) -> Any:
    """Return a ``getaddrinfo`` that answers with these addresses."""

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, options["type"], 0, "", address)
            for address in addresses
        ]

    return getaddrinfo
