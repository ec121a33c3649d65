"""A child process as an echo: what is written to `cat` comes back from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc import SubprocessProtocol, SubprocessTransport, get_running_loop
from transport_examples._program import arguments, run

if TYPE_CHECKING:
    import asyncio


class Cat(SubprocessProtocol):
    """Write a message to the child and close its input; ``everything`` is done when child and pipes are gone."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.received = bytearray()
        self.everything: asyncio.Future[bytes] = get_running_loop().create_future()

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
        """The child has ended and nothing more will come; who waited may have given up, as on Ctrl-C."""
        if not self.everything.done():
            self.everything.set_result(bytes(self.received))


async def echo(message: bytes) -> bytes:
    """Start a `cat`, send it the message and return what it sends back."""
    transport, protocol = await get_running_loop().subprocess_exec(lambda: Cat(message), "cat")
    try:
        return await protocol.everything
    finally:
        transport.close()


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
