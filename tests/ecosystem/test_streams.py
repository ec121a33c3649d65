"""asyncio's own streams on the loop: backpressure, half-close, and an upgrade to TLS in the middle."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD
from tests.support import Certificates


async def echo_until_eof(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    writer.close()
    await writer.wait_closed()


def test_start_tls_on_both_ends_keeps_what_is_said_before_and_after(certificates: Certificates) -> None:
    handled: asyncio.Future[bytes]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"upgrade\n"
        writer.write(b"go\n")
        await writer.drain()
        await writer.start_tls(certificates.server)
        writer.write(await reader.readexactly(len(PAYLOAD)))
        await writer.drain()
        handled.set_result(await reader.read())
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        nonlocal handled
        handled = asyncio.get_running_loop().create_future()
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"upgrade\n")
            assert await reader.readline() == b"go\n"
            await writer.start_tls(certificates.client, server_hostname="localhost")
            assert writer.get_extra_info("cipher") is not None
            writer.write(PAYLOAD)
            assert await reader.readexactly(len(PAYLOAD)) == PAYLOAD
            writer.write(b"the end")
            writer.close()
            await writer.wait_closed()
            assert await handled == b"the end"

    run(main())


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_a_half_close_ends_what_the_peer_reads_and_not_what_it_writes(family: str, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "echo.sock")
        if family == "tcp":
            server = await asyncio.start_server(echo_until_eof, "127.0.0.1", 0)
        else:
            server = await asyncio.start_unix_server(echo_until_eof, path)
        async with server:
            if family == "tcp":
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            else:
                reader, writer = await asyncio.open_unix_connection(path)
            reading = asyncio.create_task(reader.read())
            for _ in range(4):
                writer.write(PAYLOAD)
                await writer.drain()
            writer.write_eof()
            assert await reading == 4 * PAYLOAD
            writer.close()
            await writer.wait_closed()

    run(main())


def test_a_process_is_fed_read_and_waited_for() -> None:
    async def main() -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        output, _ = await process.communicate(PAYLOAD)
        assert (output, process.returncode) == (PAYLOAD, 0)

    run(main())
