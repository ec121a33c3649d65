"""Datagrams between two paths of this machine: like UDP, but none is lost, and an address is a file.

Both ends run in this process.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile

from transport_abc import DatagramProtocol, DatagramTransport, get_running_loop
from transport_examples._program import arguments, run


class Echo(DatagramProtocol):
    """Send every datagram back to the path that it came from."""

    transport: DatagramTransport

    def connection_made(self, transport: DatagramTransport) -> None:
        """Keep the transport, to send with it later."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: str) -> None:
        """Send back what came; the sender is known by its path, so it needs one."""
        self.transport.sendto(data, addr)


class Client(DatagramProtocol):
    """Take one datagram; ``answer`` is done then."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: str) -> None:
        """Take the answer."""
        if not self.answer.done():
            self.answer.set_result(data)


async def echo(message: bytes, patience: float = 5.0) -> bytes:
    """Send a datagram from one path to another and return the answer; wait for it for so many seconds."""
    loop = get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        there, here = f"{folder}/there", f"{folder}/here"
        server, _ = await loop.create_datagram_endpoint(Echo, there, family=socket.AF_UNIX)
        client, protocol = await loop.create_datagram_endpoint(Client, here, family=socket.AF_UNIX)
        try:
            client.sendto(message, there)
            return await asyncio.wait_for(protocol.answer, patience)
        finally:
            client.close()
            server.close()


async def talk(message: str) -> None:
    """Show one exchange."""
    print("sent:", message)
    print("received:", (await echo(message.encode())).decode())


def main() -> None:
    """Run from the command line."""
    args = arguments(__doc__, "message").parse_args()
    run(lambda: talk(args.message))


if __name__ == "__main__":
    main()
