"""A datagram and its answer over Unix sockets."""

from __future__ import annotations

import asyncio
import socket
import tempfile

import loop_selector
from transport_abc import DatagramProtocol, DatagramTransport, get_running_loop


class Echo(DatagramProtocol):
    def connection_made(self, transport: DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: str) -> None:
        self.transport.sendto(data, addr)


class Client(DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: str) -> None:
        self.answer.set_result(data)


async def main() -> None:
    loop = get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        there, here = f"{folder}/there", f"{folder}/here"
        server, _ = await loop.create_datagram_endpoint(Echo, there, family=socket.AF_UNIX)
        client, protocol = await loop.create_datagram_endpoint(Client, here, family=socket.AF_UNIX)
        client.sendto(b"hello", there)
        async with asyncio.timeout(20):
            assert await protocol.answer == b"hello"
        client.close()
        server.close()


loop_selector.run(main())
print("worked")
