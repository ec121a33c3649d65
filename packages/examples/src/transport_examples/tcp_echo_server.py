"""A TCP echo server: whatever a client sends comes back.

Talk to it with `python -m transport_examples.tcp_echo_client`, or with `nc 127.0.0.1 8888`. Ctrl-C ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc import Protocol, Transport, get_running_loop
from transport_examples._program import arguments, run

if TYPE_CHECKING:
    import asyncio


class EchoServer(Protocol):
    """One connection; the server makes an EchoServer for each."""

    transport: Transport

    def connection_made(self, transport: Transport) -> None:
        """Keep the transport, to write to it later."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send back what came."""
        self.transport.write(data)

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read: what it sends us would pile up here."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on when the client has caught up."""
        self.transport.resume_reading()


async def start(host: str, port: int) -> asyncio.Server:
    """Start to listen; every connection gets an EchoServer of its own."""
    return await get_running_loop().create_server(EchoServer, host, port)


async def serve(host: str, port: int) -> None:
    """Serve until cancelled."""
    async with await start(host, port) as server:
        print("listening on", *(sock.getsockname() for sock in server.sockets), flush=True)
        await server.serve_forever()


def main() -> None:
    """Run the server from the command line."""
    args = arguments(__doc__, "host", "port").parse_args()
    run(lambda: serve(args.host, args.port))


if __name__ == "__main__":
    main()
