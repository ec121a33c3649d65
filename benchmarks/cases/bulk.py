"""Many megabytes from one transport of a loop to another of the same loop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from benchmarks.case import Local, Place, Work
from benchmarks.cases._servers import client_context, port_of, server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

_MIB = 1 << 20
_CHUNK = bytes(1 << 18)
_FILE = 32
"""MiB that one sendfile sends."""


class _Sink(asyncio.Protocol):
    """Count what arrives, and say when it is enough."""

    def __init__(self) -> None:
        self._wanted = self._got = 0
        self._enough: asyncio.Future[None] | None = None

    def expect(self, size: int) -> asyncio.Future[None]:
        """Return a future that is done when so many bytes more are here."""
        self._wanted += size
        self._enough = asyncio.get_running_loop().create_future()
        return self._enough

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._enough is not None and self._got >= self._wanted:
            self._enough.set_result(None)
            self._enough = None


class _Source(asyncio.Protocol):
    """Write as much as is asked for, as fast as the transport takes it."""

    def __init__(self) -> None:
        self._paused = False
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, size: int) -> None:
        """Write so many bytes more."""
        self._left += size
        self._pump()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while self._left > 0 and not self._paused:
            self._left -= len(_CHUNK)
            self.transport.write(_CHUNK)


@asynccontextmanager
async def _pair(
    server_tls: ssl.SSLContext | None, client_tls: ssl.SSLContext | None
) -> AsyncIterator[tuple[_Source, _Sink]]:
    loop, sink = asyncio.get_running_loop(), _Sink()
    async with await loop.create_server(lambda: sink, "127.0.0.1", 0, ssl=server_tls) as server:
        transport, source = await loop.create_connection(_Source, "127.0.0.1", int(port_of(server)), ssl=client_tls)
        yield source, sink
        transport.abort()


@asynccontextmanager
async def _tcp(place: Place) -> AsyncIterator[Work]:
    async with _pair(None, None) as (source, sink):
        yield _moving(source, sink)


@asynccontextmanager
async def _tls(place: Place) -> AsyncIterator[Work]:
    async with _pair(server_context(place), client_context()) as (source, sink):
        yield _moving(source, sink)


def _moving(source: _Source, sink: _Sink) -> Work:
    async def move(count: int) -> None:
        enough = sink.expect(count * _MIB)
        source.send(count * _MIB)
        await enough

    return move


@asynccontextmanager
async def _sendfile(place: Place) -> AsyncIterator[Work]:
    path, loop = place.folder / "file", asyncio.get_running_loop()
    path.write_bytes(bytes(_FILE * _MIB))

    async with _pair(None, None) as (source, sink):
        with path.open("rb") as file:

            async def send(count: int) -> None:
                enough = sink.expect(count * _MIB)
                for first in range(0, count, _FILE):
                    size = min(_FILE, count - first) * _MIB
                    await loop.sendfile(source.transport, file, 0, size, fallback=False)
                await enough

            yield send


CASES = [
    Local(name="bulk-tcp", about="400 MiB over TCP", group="bulk", unit="MiB", count=400, work=_tcp),
    Local(name="bulk-tls", about="400 MiB over TLS", group="bulk", unit="MiB", count=400, work=_tls),
    Local(name="sendfile", about="400 MiB with loop.sendfile", group="bulk", unit="MiB", count=400, work=_sendfile),
]
