"""A UDP echo client: sends one datagram and prints the answer.

Start the server first: `python -m transport_examples.udp_echo_server`. UDP promises no delivery, so the client waits
for a limited time only.
"""

from __future__ import annotations

import asyncio

from transport_abc import DatagramProtocol, DatagramTransport, get_running_loop
from transport_examples._program import arguments, run


class EchoClient(DatagramProtocol):
    """Send a datagram; ``echo`` is done when one comes back, or fails when the system says that nobody is there."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.echo: asyncio.Future[bytes] = get_running_loop().create_future()

    def connection_made(self, transport: DatagramTransport) -> None:
        """Send the message to the address that the endpoint is connected to."""
        transport.sendto(self.message)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take the answer."""
        if not self.echo.done():
            self.echo.set_result(data)

    def error_received(self, exc: OSError) -> None:
        """Learn that the datagram was refused."""
        if not self.echo.done():
            self.echo.set_exception(exc)


async def echo(host: str, port: int, message: bytes, patience: float = 5.0) -> bytes:
    """Send the message and return its echo; wait for it for so many seconds."""
    transport, protocol = await get_running_loop().create_datagram_endpoint(
        lambda: EchoClient(message), remote_addr=(host, port)
    )
    try:
        async with asyncio.timeout(patience):
            return await protocol.echo
    except TimeoutError:
        raise TimeoutError(f"no answer from {host}:{port} within {patience:g} seconds") from None
    finally:
        transport.close()


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
