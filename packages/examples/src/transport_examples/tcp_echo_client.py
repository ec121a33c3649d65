"""A TCP echo client: sends one message and prints what comes back.

Start the server first: `python -m transport_examples.tcp_echo_server`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc import Protocol, Transport, get_running_loop
from transport_examples._program import arguments, run

if TYPE_CHECKING:
    import asyncio


class EchoClient(Protocol):
    """Send a message; ``echo`` is done when all of it is back and the connection closed, or fails if it ends before."""

    transport: Transport

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.received = bytearray()
        self.echo: asyncio.Future[bytes] = get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        """Send the message; of an empty one there is nothing to wait for."""
        self.transport = transport
        transport.write(self.message)
        if not self.message:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Collect the pieces: a stream may cut the message anywhere."""
        self.received += data
        if len(self.received) >= len(self.message):
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits, unless that has given up; the last callback, so nothing is left open behind it."""
        if self.echo.done():
            return
        if len(self.received) >= len(self.message):
            self.echo.set_result(bytes(self.received))
        else:
            self.echo.set_exception(exc or ConnectionAbortedError("the server closed the connection early"))


async def echo(host: str, port: int, message: bytes) -> bytes:
    """Connect, send the message and return its echo."""
    _, protocol = await get_running_loop().create_connection(lambda: EchoClient(message), host, port)
    return await protocol.echo


async def talk(host: str, port: int, message: str) -> None:
    """Show one exchange."""
    print("sent:", message)
    print("received:", (await echo(host, port, message.encode())).decode())


def main() -> None:
    """Run the client from the command line."""
    args = arguments(__doc__, "host", "port", "message").parse_args()
    run(lambda: talk(args.host, args.port, args.message))


if __name__ == "__main__":
    main()
