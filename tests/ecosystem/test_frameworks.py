"""Web frameworks with servers of their own or of others, on the loop: Quart over hypercorn, Sanic."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, free_port, library

httpx = library("httpx")
websockets = library("websockets.asyncio.client")


async def use(url: str, trust: ssl.SSLContext) -> None:
    """Post and stream to /echo, and speak over a WebSocket at /talk."""

    async def parts() -> Any:
        for start in range(0, len(PAYLOAD), 100_000):
            yield PAYLOAD[start : start + 100_000]

    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=60) as client:
        answers = await asyncio.gather(*(client.post(f"{url}/echo", content=PAYLOAD[number:]) for number in range(8)))
        assert [answer.content for answer in answers] == [PAYLOAD[number:] for number in range(8)]
        assert (await client.post(f"{url}/echo", content=parts())).content == PAYLOAD
    secure = {"ssl": trust} if url.startswith("https") else {}
    async with websockets.connect(f"ws{url.removeprefix('http')}/talk", proxy=None, **secure) as talk:
        await talk.send("x" * 100_000)
        assert await talk.recv() == "X" * 100_000


def quart() -> Any:
    library("quart")
    from quart import Quart, request, websocket  # type: ignore[import-not-found,unused-ignore]

    app = Quart(__name__)

    @app.post("/echo")  # type: ignore[untyped-decorator,unused-ignore]
    async def echo() -> Any:
        assert_on_our_loop()
        return await request.get_data()

    @app.websocket("/talk")  # type: ignore[untyped-decorator,unused-ignore]
    async def talk() -> None:
        await websocket.send((await websocket.receive()).upper())

    return app


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_quart_runs_as_a_task(certificate_files: CertificateFiles, tls: bool) -> None:
    async def main() -> None:
        app, over, port, serving = quart(), asyncio.Event(), free_port(), asyncio.Event()
        app.before_serving(serving.set)
        files = {"certfile": str(certificate_files.certificate), "keyfile": str(certificate_files.key)} if tls else {}
        task = asyncio.create_task(app.run_task("127.0.0.1", port, shutdown_trigger=over.wait, **files))
        await serving.wait()
        trust = ssl.create_default_context(cafile=str(certificate_files.authority))
        await use(f"http{'s' * tls}://localhost:{port}", trust)
        over.set()
        await task

    run(main())


def sanic() -> Any:
    library("sanic")
    from sanic import Sanic  # type: ignore[import-not-found,unused-ignore]

    app = Sanic("ecosystem", configure_logging=False)
    app.config.TOUCHUP = False  # it rewrites its own methods, which it can do once in a process

    @app.post("/echo", stream=True)  # type: ignore[untyped-decorator,unused-ignore]
    async def echo(request: Any) -> None:
        assert_on_our_loop()
        answer = await request.respond(content_type="application/octet-stream")
        async for part in request.stream:
            await answer.send(part)

    @app.websocket("/talk")  # type: ignore[untyped-decorator,unused-ignore]
    async def talk(request: Any, websocket: Any) -> None:
        await websocket.send((await websocket.recv()).upper())

    return app


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_sanic_makes_a_server_of_the_running_loop(certificate_files: CertificateFiles, tls: bool) -> None:
    async def main() -> None:
        app, listening = sanic(), socket.create_server(("127.0.0.1", 0))
        port, files = listening.getsockname()[1], certificate_files
        secure = {"ssl": {"cert": str(files.certificate), "key": str(files.key)}} if tls else {}
        server = await app.create_server(sock=listening, **secure)
        await server.startup()
        await server.start_serving()
        await use(f"http{'s' * tls}://localhost:{port}", ssl.create_default_context(cafile=str(files.authority)))
        await server.close()
        type(app).unregister_app(app)

    run(main())
