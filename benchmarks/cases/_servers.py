"""Echo servers in each of the ways that asyncio has."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.case import Place

BACKLOG = 1024


class Echo(asyncio.Protocol):
    """Write what is received."""

    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    """Write what is received into a buffer that is kept, as a copy: it is overwritten by the next read."""

    __slots__ = ("_buffer", "_transport")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._buffer = memoryview(bytearray(65536))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._transport.write(bytes(self._buffer[:nbytes]))


class DatagramEcho(asyncio.DatagramProtocol):
    """Send each datagram back."""

    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._transport.sendto(data, addr)


def server_context(place: Place) -> ssl.SSLContext:
    """Make the TLS settings of a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.certificate)
    return context


def client_context() -> ssl.SSLContext:
    """Make the TLS settings of a client that trusts anyone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def port_of(server: asyncio.AbstractServer) -> str:
    """Look up the port that the system chose."""
    return str(cast(asyncio.Server, server).sockets[0].getsockname()[1])


@asynccontextmanager
async def tcp(place: Place) -> AsyncIterator[str]:
    """Echo over TCP."""
    loop = asyncio.get_running_loop()
    async with await loop.create_server(Echo, "127.0.0.1", 0, backlog=BACKLOG) as server:
        yield port_of(server)


@asynccontextmanager
async def tcp_buffered(place: Place) -> AsyncIterator[str]:
    """Echo over TCP with a BufferedProtocol."""
    loop = asyncio.get_running_loop()
    async with await loop.create_server(BufferedEcho, "127.0.0.1", 0, backlog=BACKLOG) as server:
        yield port_of(server)


@asynccontextmanager
async def tls(place: Place) -> AsyncIterator[str]:
    """Echo over TLS."""
    loop, context = asyncio.get_running_loop(), server_context(place)
    async with await loop.create_server(Echo, "127.0.0.1", 0, backlog=BACKLOG, ssl=context) as server:
        yield port_of(server)


@asynccontextmanager
async def tls_buffered(place: Place) -> AsyncIterator[str]:
    """Echo over TLS with a BufferedProtocol."""
    loop, context = asyncio.get_running_loop(), server_context(place)
    async with await loop.create_server(BufferedEcho, "127.0.0.1", 0, backlog=BACKLOG, ssl=context) as server:
        yield port_of(server)


async def _echo_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def streams(place: Place) -> AsyncIterator[str]:
    """Echo over TCP with a coroutine for each connection."""
    async with await asyncio.start_server(_echo_stream, "127.0.0.1", 0, backlog=BACKLOG) as server:
        yield port_of(server)


@asynccontextmanager
async def unix(place: Place) -> AsyncIterator[str]:
    """Echo over a Unix socket."""
    loop, path = asyncio.get_running_loop(), str(place.folder / "socket")
    async with await loop.create_unix_server(Echo, path, backlog=BACKLOG):
        yield path


@asynccontextmanager
async def udp(place: Place) -> AsyncIterator[str]:
    """Echo datagrams."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(DatagramEcho, ("127.0.0.1", 0))
    yield str(transport.get_extra_info("sockname")[1])
    transport.close()
