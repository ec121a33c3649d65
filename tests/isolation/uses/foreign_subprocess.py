"""The subprocess plug-in on stock asyncio, without loop_selector."""

from __future__ import annotations

import asyncio

from transport_abc import SubprocessProtocol
from transport_subprocess import SubprocessPlugin


class Child(SubprocessProtocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


async def main() -> None:
    plugin = SubprocessPlugin()
    _, child = await plugin.spawn(asyncio.get_running_loop(), Child, ["echo", "hello"])
    await child.lost
    assert child.received == b"hello\n"


asyncio.run(main())
print("worked")
