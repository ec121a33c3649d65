"""STARTTLS: a connection that begins in plain text and is encrypted once both sides have agreed to it.

The client asks, the server answers, and then each upgrades its transport. The protocol after the upgrade is a new
object: nothing that was said in plain text can be taken for something that was said encrypted.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from transport_abc import Protocol, Transport, get_running_loop
from transport_examples._certificates import client_context, made_server_context
from transport_examples._program import arguments, run
from transport_examples.tcp_echo_client import EchoClient
from transport_examples.tcp_echo_server import EchoServer

if TYPE_CHECKING:
    import ssl

REQUEST, ANSWER = b"STARTTLS\n", b"OK\n"


class PlainServer(Protocol):
    """Wait for the request, answer it, and let an EchoServer go on behind TLS."""

    transport: Transport

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.received = bytearray()
        self.upgraded: asyncio.Task[None] | None = None

    def connection_made(self, transport: Transport) -> None:
        """Keep the transport, to upgrade it later."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the request; close if the client says anything else, or more than it may in plain text."""
        self.received += data
        if self.received == REQUEST and self.upgraded is None:
            self.transport.write(ANSWER)
            self.upgraded = asyncio.create_task(self.upgrade())
        elif not REQUEST.startswith(self.received) or self.upgraded is not None:
            self.transport.abort()

    async def upgrade(self) -> None:
        """Shake hands; from then on the connection belongs to the EchoServer."""
        protocol = EchoServer()
        try:
            tls = await get_running_loop().start_tls(self.transport, protocol, self.context, server_side=True)
        except Exception:
            self.transport.abort()  # neither plain text nor TLS: there is nothing left to be said
            raise
        if tls is not None:
            protocol.connection_made(tls)


class PlainClient(Protocol):
    """Send the request; ``agreed`` is done when the server has answered."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.agreed: asyncio.Future[None] = get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        """Ask for the upgrade."""
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        """Take the answer."""
        self.received += data
        if self.received == ANSWER and not self.agreed.done():
            self.agreed.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that the server does not agree."""
        if not self.agreed.done():
            self.agreed.set_exception(exc or ConnectionAbortedError("the server refused"))


async def start(host: str, port: int, context: ssl.SSLContext) -> asyncio.Server:
    """Start to listen, in plain text."""
    return await get_running_loop().create_server(lambda: PlainServer(context), host, port)


async def echo(host: str, port: int, message: bytes, context: ssl.SSLContext) -> bytes:
    """Connect, upgrade the connection, send the message and return its echo."""
    loop = get_running_loop()
    transport, plain = await loop.create_connection(PlainClient, host, port)
    await plain.agreed
    protocol = EchoClient(message)
    tls = await loop.start_tls(transport, protocol, context, server_hostname=host)
    if tls is None:
        raise ConnectionAbortedError("the connection was closed before it could be encrypted")
    protocol.connection_made(tls)
    return await protocol.echo


async def exchange(message: bytes) -> bytes:
    """Run a server and a client on this loop, with a certificate made for them."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder, "authority.pem")
        async with await start("127.0.0.1", 0, made_server_context(authority)) as server:
            host, port = server.sockets[0].getsockname()
            return await echo(host, port, message, client_context(str(authority)))


async def talk(message: str) -> None:
    """Show one exchange."""
    print("received:", (await exchange(message.encode())).decode())


def main() -> None:
    """Run from the command line."""
    args = arguments(__doc__, "message").parse_args()
    run(lambda: talk(args.message))


if __name__ == "__main__":
    main()
