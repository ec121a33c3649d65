"""The loop without any transport: it watches descriptors, and calls back when one can be read.

That is all that loop-selector does by itself, and what every transport is made of. Here one end of a socket pair is
watched; what arrives there is sent back.
"""

from __future__ import annotations

import socket

from transport_abc import get_running_loop
from transport_examples._program import arguments, run


async def echo(message: bytes) -> bytes:
    """Send a message into one end of a socket pair and return what the other end sends back."""
    loop = get_running_loop()
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.setblocking(False)

        def send_back() -> None:
            there.send(there.recv(65536))

        loop.add_reader(there, send_back)
        try:
            await loop.sock_sendall(here, message)
            received = bytearray()
            while len(received) < len(message):
                received += await loop.sock_recv(here, 65536)
        finally:
            loop.remove_reader(there)
        return bytes(received)


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
