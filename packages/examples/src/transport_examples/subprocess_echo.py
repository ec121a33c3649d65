"""A child process as an echo: what is written to `cat` comes back from it."""

from __future__ import annotations

import asyncio

from transport_abc import SubprocessProtocol, SubprocessTransport, get_running_loop
from transport_examples._program import arguments, run


class Cat(SubprocessProtocol):
    """Write a message to the child and close its input; ``gone`` is set when child and pipes are."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.received = bytearray()
        self.gone = asyncio.Event()

    def connection_made(self, transport: SubprocessTransport) -> None:
        """Write to the child's standard input, its descriptor 0."""
        stdin = transport.get_pipe_transport(0)
        assert stdin is not None, "the process was started with stdin=PIPE"
        stdin.write(self.message)
        stdin.write_eof()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Collect what the child writes to its standard output, descriptor 1."""
        if fd == 1:
            self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """The child has ended and nothing more will come."""
        self.gone.set()


async def echo(message: bytes) -> bytes:
    """Start a `cat`, send it the message and return what it sends back."""
    transport, protocol = await get_running_loop().subprocess_exec(lambda: Cat(message), "cat")
    try:
        await protocol.gone.wait()
    finally:
        transport.close()  # on Ctrl-C the child still runs: this kills it
        await protocol.gone.wait()
    return bytes(protocol.received)


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
