"""Two pipes as an echo: what is written to one is forwarded to the other, as between programs joined by pipes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from transport_abc import Protocol, WriteTransport, get_running_loop
from transport_examples._program import arguments, run

if TYPE_CHECKING:
    import asyncio


class Collector(Protocol):
    """Collect everything until the end; ``everything`` is done then."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.everything: asyncio.Future[bytes] = get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Collect."""
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come; who waited may have given up, as on Ctrl-C."""
        if not self.everything.done():
            self.everything.set_result(bytes(self.received))


class Forwarder(Protocol):
    """Write whatever is read to another pipe, and end it when there is no more."""

    def __init__(self, output: WriteTransport) -> None:
        self.output = output

    def data_received(self, data: bytes) -> None:
        """Forward."""
        self.output.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forward the end."""
        self.output.close()


async def _writer(fd: int) -> WriteTransport:
    transport, _ = await get_running_loop().connect_write_pipe(Protocol, os.fdopen(fd, "wb", buffering=0))
    return transport


async def echo(message: bytes) -> bytes:
    """Send a message into the first pipe and return what comes out of the second."""
    loop = get_running_loop()
    first_read, first_write = os.pipe()
    second_read, second_write = os.pipe()
    _, collector = await loop.connect_read_pipe(Collector, os.fdopen(second_read, "rb", buffering=0))
    forward_to = await _writer(second_write)
    await loop.connect_read_pipe(lambda: Forwarder(forward_to), os.fdopen(first_read, "rb", buffering=0))
    source = await _writer(first_write)
    source.write(message)
    source.close()
    return await collector.everything


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
