"""A message through a pipe."""

from __future__ import annotations

import asyncio
import os

import loop_selector
from transport_abc import Protocol, get_running_loop


class Collector(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: asyncio.Future[None] = get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


async def main() -> None:
    loop = get_running_loop()
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", 0) as source, os.fdopen(write_end, "wb", 0) as sink:
        _, collector = await loop.connect_read_pipe(Collector, source)
        writer, _ = await loop.connect_write_pipe(Protocol, sink)
        writer.write(b"hello")
        writer.close()
        await collector.lost
    assert collector.received == b"hello"


loop_selector.run(main())
print("worked")
