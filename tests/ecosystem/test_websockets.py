"""websockets, client and server on the loop."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library
from tests.support import Certificates

client = library("websockets.asyncio.client")
server = library("websockets.asyncio.server")
ConnectionClosedError = library("websockets.exceptions").ConnectionClosedError


async def echo(socket: Any) -> None:
    async for message in socket:
        await socket.send(message)


async def exchange(socket: Any) -> None:
    """Send more than buffers hold before anything is read back, so that both ends push back."""

    async def send() -> None:
        for number in range(20):
            await socket.send(bytes([number]) + PAYLOAD)
        await socket.send("grüße")

    sending = asyncio.create_task(send())
    for number in range(20):
        assert await socket.recv() == bytes([number]) + PAYLOAD
    assert await socket.recv() == "grüße"
    await sending
    assert await (await socket.ping()) >= 0


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_large_messages_go_both_ways_under_back_pressure(certificates: Certificates, tls: bool) -> None:
    contexts: tuple[ssl.SSLContext | None, ...] = (certificates.server, certificates.client) if tls else (None, None)
    options = {"max_size": 4 << 20, "compression": None}

    async def main() -> None:
        assert_on_our_loop()
        async with server.serve(echo, "127.0.0.1", 0, ssl=contexts[0], **options) as serving:
            port = serving.sockets[0].getsockname()[1]
            url = f"ws{'s' * tls}://localhost:{port}"
            async with client.connect(url, ssl=contexts[1], proxy=None, **options) as socket:
                await exchange(socket)
            assert socket.close_code == 1000
        assert not serving.is_serving()

    run(main())


def test_compressed_messages_over_a_unix_socket(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "ws.sock")
        async with server.unix_serve(echo, path), client.unix_connect(path) as socket:
            await socket.send(PAYLOAD[:500_000])
            assert await socket.recv() == PAYLOAD[:500_000]

    run(main())


def test_a_connection_that_is_cut_is_the_librarys_error() -> None:
    async def cut(socket: Any) -> None:
        await socket.recv()
        socket.transport.abort()

    async def main() -> None:
        async with server.serve(cut, "127.0.0.1", 0) as serving:
            url = f"ws://127.0.0.1:{serving.sockets[0].getsockname()[1]}"
            async with client.connect(url, proxy=None) as socket:
                await socket.send("now")
                with pytest.raises(ConnectionClosedError):
                    await socket.recv()

    run(main())
