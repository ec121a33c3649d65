"""A datagram and its answer over UDP."""

from __future__ import annotations

import asyncio

import loop_selector
from transport_abc import DatagramProtocol, DatagramTransport, get_running_loop


class Echo(DatagramProtocol):
    def connection_made(self, transport: DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


class Client(DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answer.set_result(data)


async def main() -> None:
    loop = get_running_loop()
    server, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    address = server.get_extra_info("sockname")
    client, protocol = await loop.create_datagram_endpoint(Client, remote_addr=address)
    client.sendto(b"hello")
    async with asyncio.timeout(20):
        assert await protocol.answer == b"hello"
    client.close()
    server.close()


loop_selector.run(main())
print("worked")
