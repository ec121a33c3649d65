"""An echo over a Unix socket, with asyncio's streams."""

from __future__ import annotations

import asyncio
import tempfile

import loop_selector


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    writer.close()


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with await asyncio.start_unix_server(answer, f"{folder}/s"):
            reader, writer = await asyncio.open_unix_connection(f"{folder}/s")
            writer.write(b"hello\n")
            assert await reader.read() == b"hello\n"
            writer.close()
            await writer.wait_closed()


loop_selector.run(main())
print("worked")
