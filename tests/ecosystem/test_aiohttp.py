"""aiohttp, client and server, on the loop: `asyncio.Runner(loop_factory=...)` or `loop_selector.run()`."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library, python, wait_for_line
from tests.support import Certificates

aiohttp = library("aiohttp")
web = library("aiohttp.web")


async def echo(request: Any) -> Any:
    return web.Response(body=await request.read(), headers={"X-Path": request.path_qs})


async def stream(request: Any) -> Any:
    response = web.StreamResponse()
    await response.prepare(request)
    for start in range(0, len(PAYLOAD), 10_000):
        await response.write(PAYLOAD[start : start + 10_000])
    await response.write_eof()
    return response


async def talk(request: Any) -> Any:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
        else:
            await socket.send_bytes(message.data[::-1])
    return socket


@contextlib.asynccontextmanager
async def serving(file: Path | None = None) -> AsyncIterator[Any]:
    """Make the application's runner; the case adds the site that it is about."""
    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/echo", echo)
    app.router.add_get("/stream", stream)
    app.router.add_get("/talk", talk)
    if file is not None:

        async def give(_: Any) -> Any:
            return web.FileResponse(file)

        app.router.add_get("/file", give)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


def connector(client: ssl.SSLContext | None = None) -> Any:
    """Make a connector that resolves names by the loop, not by the library aiodns, which leaves threads behind."""
    return aiohttp.TCPConnector(ssl=client or True, resolver=aiohttp.ThreadedResolver())


async def use_all(session: Any, base: str) -> None:
    """Post, stream and speak over a WebSocket; check every byte."""
    async with session.post(f"{base}/echo?a=b%20c", data=PAYLOAD) as response:
        assert (response.status, response.headers["X-Path"]) == (200, "/echo?a=b%20c")
        assert await response.read() == PAYLOAD
    async with session.get(f"{base}/stream") as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.read() == PAYLOAD
    async with session.ws_connect(f"{base}/talk", max_msg_size=4 << 20) as socket:
        await socket.send_str("grüße")
        assert await socket.receive_str() == "GRÜSSE"
        await socket.send_bytes(PAYLOAD[:300_000])
        assert await socket.receive_bytes() == PAYLOAD[:300_000][::-1]
    assert socket.close_code == 1000


async def use_over_tcp(server: ssl.SSLContext | None, client: ssl.SSLContext | None) -> None:
    assert_on_our_loop()
    async with serving() as runner:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server)
        await site.start()
        port = runner.addresses[0][1]
        scheme = "http" if server is None else "https"
        async with aiohttp.ClientSession(connector=connector(client)) as session:
            await use_all(session, f"{scheme}://localhost:{port}")


def test_requests_streams_and_websockets_over_tcp() -> None:
    run(use_over_tcp(None, None))


def test_requests_streams_and_websockets_over_tls(certificates: Certificates) -> None:
    run(use_over_tcp(certificates.server, certificates.client))


def test_requests_streams_and_websockets_over_a_unix_socket(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "http.sock")
        async with serving() as runner:
            await web.UnixSite(runner, path).start()
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
                await use_all(session, "http://localhost")

    run(main())


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_a_file_is_served_whole_and_in_ranges(tmp_path: Path, certificates: Certificates, tls: bool) -> None:
    file = tmp_path / "payload.bin"
    file.write_bytes(PAYLOAD)

    async def main() -> None:
        async with serving(file) as runner:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.server if tls else None).start()
            url = f"http{'s' * tls}://localhost:{runner.addresses[0][1]}/file"
            async with aiohttp.ClientSession(connector=connector(certificates.client)) as session:
                async with session.get(url) as response:
                    assert await response.read() == PAYLOAD
                async with session.get(url, headers={"Range": "bytes=1000-70000"}) as response:
                    assert (response.status, await response.read()) == (206, PAYLOAD[1000:70001])

    run(main())


def test_an_untrusted_certificate_and_a_refused_connection_are_the_librarys_errors(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serving() as runner:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.server).start()
            port = runner.addresses[0][1]
            async with aiohttp.ClientSession(connector=connector()) as session:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get(f"https://localhost:{port}/stream")
        async with aiohttp.ClientSession(connector=connector()) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://127.0.0.1:{port}/stream")

    run(main())
    (record,) = caplog.records
    assert re.match(r"SSL handshake failed with \('127\.0\.0\.1', \d+\): .*UNKNOWN_CA", record.getMessage())


def test_fifty_requests_at_once_get_their_own_answers() -> None:
    async def main() -> None:
        async def ask(session: Any, url: str, number: int) -> bytes:
            async with session.post(url, data=b"%d" % number * 1000) as response:
                body: bytes = await response.read()
                return body

        async with serving() as runner, aiohttp.ClientSession(connector=connector()) as session:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/echo"
            answers = await asyncio.gather(*(ask(session, url, number) for number in range(50)))
        assert answers == [b"%d" % number * 1000 for number in range(50)]

    run(main())


PROGRAM = """
import asyncio
from aiohttp import web
from loop_selector import new_event_loop

async def which(request):
    return web.Response(text=type(asyncio.get_running_loop()).__module__.split(".")[0])

app = web.Application()
app.router.add_get("/", which)
web.run_app(app, loop=new_event_loop(), path="http.sock")
"""


def test_run_app_takes_the_loop_and_ends_by_a_signal(tmp_path: Path) -> None:
    async def ask() -> str:
        unix = aiohttp.UnixConnector(str(tmp_path / "http.sock"))
        async with aiohttp.ClientSession(connector=unix) as session, session.get("http://localhost/") as response:
            text: str = await response.text()
            return text

    with python("-u", "-c", PROGRAM, cwd=tmp_path) as process:
        wait_for_line(process, "Running on")
        assert run(ask()) == "loop_selector"
    assert process.returncode == 0
