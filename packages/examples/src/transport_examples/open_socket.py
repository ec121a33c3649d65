"""Register an open socket: hand a connected socket, made elsewhere, to a protocol.

One end of a socket pair becomes a transport; the message is written to the other end by ordinary means.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from transport_abc import Protocol, Transport, get_running_loop
from transport_examples._program import arguments, run

if TYPE_CHECKING:
    import asyncio


class Receiver(Protocol):
    """Collect everything until the end of the stream; ``everything`` is done then."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.everything: asyncio.Future[bytes] = get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        """Learn which socket it is."""
        self.socket = transport.get_extra_info("socket")

    def data_received(self, data: bytes) -> None:
        """Collect."""
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the stream has closed the transport, and the transport has closed its socket."""
        if not self.everything.done():  # who waited may have given up, as on Ctrl-C
            self.everything.set_result(bytes(self.received))


async def receive(message: bytes) -> bytes:
    """Send a message into one end of a socket pair and return what the protocol at the other end gets."""
    ours, theirs = socket.socketpair()
    with theirs:
        _, protocol = await get_running_loop().create_connection(Receiver, sock=ours)
        theirs.sendall(message)
    return await protocol.everything


async def talk(message: str) -> None:
    """Show one exchange."""
    print("received:", (await receive(message.encode())).decode())


def main() -> None:
    """Run from the command line."""
    args = arguments(__doc__, "message").parse_args()
    run(lambda: talk(args.message))


if __name__ == "__main__":
    main()
