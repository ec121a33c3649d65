"""The TCP plug-in on stock asyncio: a server and a client, without loop_selector."""

from __future__ import annotations

import asyncio

from transport_abc import Protocol, Transport
from transport_socket import TcpPlugin


class Greeter(Protocol):
    def connection_made(self, transport: Transport) -> None:
        transport.write(b"hello")
        transport.close()


class Client(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


async def main() -> None:
    loop, plugin = asyncio.get_running_loop(), TcpPlugin()
    server = await plugin.listen(loop, Greeter, "127.0.0.1", 0)
    _, client = await plugin.connect(loop, Client, *server.sockets[0].getsockname())
    await client.lost
    assert client.received == b"hello"
    server.close()
    await server.wait_closed()


asyncio.run(main())
print("worked")
