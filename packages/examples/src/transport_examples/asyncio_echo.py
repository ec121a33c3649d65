"""A typed protocol on stock asyncio: transport-abc needs no other loop, and no other package.

Server and client run in this process, on the loop that `asyncio.run` makes.
"""

from __future__ import annotations

import asyncio

from transport_abc import Protocol, Transport, get_running_loop
from transport_examples._program import arguments


class Echo(Protocol):
    """Send back what comes."""

    transport: Transport

    def connection_made(self, transport: Transport) -> None:
        """Keep the transport; its type is the right one, without a cast."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send back what came."""
        self.transport.write(data)


class Client(Protocol):
    """Send a message and end the stream; ``echo`` is done when the connection is closed."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.received = bytearray()
        self.echo: asyncio.Future[bytes] = get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        """Send the message; the server sees its end, answers all of it, and closes."""
        transport.write(self.message)
        transport.write_eof()

    def data_received(self, data: bytes) -> None:
        """Collect the pieces."""
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits; who waited may have given up, as on Ctrl-C."""
        if not self.echo.done():
            self.echo.set_result(bytes(self.received))


async def echo(message: bytes) -> bytes:
    """Send a message to a server on the running loop, whichever that is, and return its echo."""
    loop = get_running_loop()
    async with await loop.create_server(Echo, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        _, client = await loop.create_connection(lambda: Client(message), host, port)
        return await client.echo


def main() -> None:
    """Run from the command line, on stock asyncio."""
    args = arguments(__doc__, "message").parse_args()
    print("sent:", args.message)
    print("received:", asyncio.run(echo(args.message.encode())).decode())


if __name__ == "__main__":
    main()
