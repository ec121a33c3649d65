"""A UDP echo server: every datagram goes back to its sender.

Talk to it with `python -m transport_examples.udp_echo_client`, or with `nc -u 127.0.0.1 8888`. Ctrl-C ends it.
"""

from __future__ import annotations

from transport_abc import DatagramProtocol, DatagramTransport, get_running_loop
from transport_examples._program import arguments, run


class EchoServer(DatagramProtocol):
    """The one endpoint that all clients share."""

    transport: DatagramTransport

    def connection_made(self, transport: DatagramTransport) -> None:
        """Keep the transport, to send with it later."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send back what came, to where it came from."""
        self.transport.sendto(data, addr)

    def error_received(self, exc: OSError) -> None:
        """A datagram could not be delivered; the endpoint stays open."""
        print("error:", exc)


async def start(host: str, port: int) -> DatagramTransport:
    """Open the endpoint."""
    transport, _ = await get_running_loop().create_datagram_endpoint(EchoServer, local_addr=(host, port))
    return transport


async def serve(host: str, port: int) -> None:
    """Serve until cancelled."""
    transport = await start(host, port)
    print("listening on", transport.get_extra_info("sockname"), flush=True)
    try:
        await get_running_loop().create_future()
    finally:
        transport.close()


def main() -> None:
    """Run the server from the command line."""
    args = arguments(__doc__, "host", "port").parse_args()
    run(lambda: serve(args.host, args.port))


if __name__ == "__main__":
    main()
