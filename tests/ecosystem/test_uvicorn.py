"""uvicorn with Starlette, as a process with `--loop loop_selector:new_event_loop`, asked by httpx on the loop too."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, library, python, wait_for_line

library("uvicorn")
library("starlette")
httpx = library("httpx")
websockets = library("websockets.asyncio.client")

APPLICATION = """
import asyncio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

async def which(request):
    loop = type(asyncio.get_running_loop())
    return PlainTextResponse(f"{loop.__module__.split('.')[0]}.{loop.__name__}")

async def echo(request):
    return Response(await request.body())

async def stream(request):
    async def parts():
        for start in range(0, 2**20, 10_000):
            yield (bytes(range(256)) * 4096)[start : start + 10_000]
    return StreamingResponse(parts())

async def thread(request):
    return JSONResponse({"answer": await asyncio.to_thread(sum, range(10))})

async def talk(socket):
    await socket.accept()
    while (text := await socket.receive_text()) != "end":
        await socket.send_text(text.upper())
    await socket.close(4000)

app = Starlette(routes=[
    Route("/which", which), Route("/echo", echo, methods=["POST"]), Route("/stream", stream),
    Route("/thread", thread), WebSocketRoute("/talk", talk),
])
"""


def start(folder: Path, *options: str) -> Any:
    (folder / "application.py").write_text(APPLICATION)
    loop = ("--loop", "loop_selector:new_event_loop")
    return python("-m", "uvicorn", "application:app", "--port", "0", *loop, *options, cwd=folder)


def base_of(process: Any) -> str:
    """Read the address that uvicorn says it runs on."""
    found = re.search(r"https?://\S+", wait_for_line(process, "running on"))
    assert found is not None
    return found[0].replace("127.0.0.1", "localhost")


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, tmp_path: Path, certificate_files: CertificateFiles) -> Iterator[str]:
    files = ["--ssl-keyfile", str(certificate_files.key), "--ssl-certfile", str(certificate_files.certificate)]
    with start(tmp_path, *(files if request.param == "https" else [])) as process:
        yield base_of(process)
    assert process.returncode in (0, -15)  # uvicorn ends itself by the signal again, after a clean end


@pytest.fixture
def trust(certificate_files: CertificateFiles) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate_files.authority))


def test_an_application_answers_requests_streams_and_threads(server: str, trust: ssl.SSLContext) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(base_url=server, verify=trust, trust_env=False, timeout=60) as client:
            assert (await client.get("/which")).text == "loop_selector.SelectorEventLoop"
            assert (await client.post("/echo", content=PAYLOAD)).content == PAYLOAD
            assert (await client.get("/stream")).content == PAYLOAD
            assert (await client.get("/thread")).json() == {"answer": 45}
            answers = await asyncio.gather(*(client.post("/echo", content=b"%d" % number) for number in range(30)))
            assert [answer.content for answer in answers] == [b"%d" % number for number in range(30)]

    run(main())


def test_an_application_speaks_over_a_websocket(server: str, trust: ssl.SSLContext) -> None:
    async def main() -> None:
        url = f"ws{server.removeprefix('http')}/talk"
        secure = {"ssl": trust} if server.startswith("https") else {}
        async with websockets.connect(url, proxy=None, **secure) as socket:
            await socket.send("x" * 100_000)
            assert await socket.recv() == "X" * 100_000
            await socket.send("end")
            await socket.wait_closed()
            assert socket.close_code == 4000

    run(main())


def test_a_unix_socket_serves_the_application(tmp_path: Path) -> None:
    path = str(tmp_path / "uvicorn.sock")

    async def main() -> None:
        transport = httpx.AsyncHTTPTransport(uds=path)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            assert (await client.post("/echo", content=PAYLOAD)).content == PAYLOAD

    with start(tmp_path, "--uds", path) as process:
        wait_for_line(process, "running on")
        run(main())
