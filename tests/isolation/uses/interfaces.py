"""A protocol of transport_abc as client and server of stock asyncio, and the checks that come with the package."""

from __future__ import annotations

import asyncio

import transport_abc.testing
from transport_abc import Protocol, Transport, get_running_loop


class Echo(Protocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.close()


class Client(Protocol):
    def __init__(self) -> None:
        self.answer = b""
        self.lost: asyncio.Future[None] = get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        transport.write(b"hello")

    def data_received(self, data: bytes) -> None:
        self.answer += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


async def main() -> None:
    loop = get_running_loop()
    async with await loop.create_server(Echo, "127.0.0.1", 0) as server:
        _, client = await loop.create_connection(Client, *server.sockets[0].getsockname())
        await client.lost
    assert client.answer == b"hello"


asyncio.run(main())
assert transport_abc.testing.__all__
print("worked")
