"""gunicorn's workers on the loop: uvicorn's with `CONFIG_KWARGS`, and gunicorn's own for ASGI by the policy."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, library, python, wait_for_line

library("gunicorn")
library("uvicorn_worker")
library("starlette")
httpx = library("httpx")
websockets = library("websockets.asyncio.client")

APPLICATION = """
import asyncio, os
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

async def which(request):
    return JSONResponse({"loop": type(asyncio.get_running_loop()).__module__.split(".")[0], "pid": os.getpid()})

async def echo(request):
    return Response(await request.body())

async def talk(socket):
    await socket.accept()
    await socket.send_text((await socket.receive_text()).upper())
    await socket.close(4000)

app = Starlette(routes=[Route("/which", which), Route("/echo", echo, methods=["POST"]), WebSocketRoute("/talk", talk)])
"""
UVICORN = """
from uvicorn_worker import UvicornWorker

class Worker(UvicornWorker):
    CONFIG_KWARGS = {"loop": "loop_selector:new_event_loop"}
"""
# gunicorn's own worker asks asyncio for its loop, and has no setting but uvloop.
ASGI = """
import asyncio
from gunicorn.workers.gasgi import ASGIWorker
from loop_selector import new_event_loop

class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        return new_event_loop()

class Worker(ASGIWorker):
    def init_process(self):
        asyncio.set_event_loop_policy(Policy())
        super().init_process()
"""
WORKERS = {"uvicorn": UVICORN, "asgi": ASGI}


@contextlib.contextmanager
def serving(folder: Path, kind: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run gunicorn with two workers of a kind; it has to end well by SIGTERM."""
    (folder / "application.py").write_text(APPLICATION)
    (folder / "worker.py").write_text(WORKERS[kind])
    bind = ("--bind", "127.0.0.1:0", "--workers", "2", "--worker-class", "worker.Worker", "--asgi-loop", "asyncio")
    command = ("-m", "gunicorn", "application:app", *bind, "--control-socket", str(folder / "control"))
    with python(*command, *options, cwd=folder) as process:
        found = re.search(r"https?://\S+", wait_for_line(process, "Listening at"))
        assert found is not None
        yield process, found[0].replace("127.0.0.1", "localhost")
        process.terminate()
        assert process.wait(timeout=60) == 0


def client(base: str, trust: ssl.SSLContext) -> Any:
    return httpx.AsyncClient(base_url=base, verify=trust, trust_env=False, timeout=60)


async def workers(base: str, trust: ssl.SSLContext, wanted: int) -> set[int]:
    """Ask, by a new connection each time, until enough workers have answered."""
    pids: set[int] = set()
    while len(pids) < wanted:
        async with client(base, trust) as http:
            answer = json.loads((await http.get("/which")).content)
            assert answer["loop"] == "loop_selector"
            pids.add(answer["pid"])
    return pids


async def use(base: str, trust: ssl.SSLContext) -> None:
    async with client(base, trust) as http:
        assert (await http.post("/echo", content=PAYLOAD)).content == PAYLOAD
    secure = {"ssl": trust} if base.startswith("https") else {}
    async with websockets.connect(f"ws{base.removeprefix('http')}/talk", proxy=None, **secure) as socket:
        await socket.send("x" * 100_000)
        assert await socket.recv() == "X" * 100_000
        await socket.wait_closed()
        assert socket.close_code == 4000


@pytest.mark.parametrize("kind", WORKERS)
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_two_workers_serve_an_application(
    tmp_path: Path, certificate_files: CertificateFiles, kind: str, tls: bool
) -> None:
    files = ("--keyfile", str(certificate_files.key), "--certfile", str(certificate_files.certificate)) if tls else ()
    trust = ssl.create_default_context(cafile=str(certificate_files.authority))
    with serving(tmp_path, kind, *files) as (_, base):
        assert len(run(workers(base, trust, 2))) == 2
        run(use(base, trust))


@pytest.mark.parametrize("kind", WORKERS)
def test_a_reload_replaces_the_workers(tmp_path: Path, kind: str) -> None:
    trust = ssl.create_default_context()
    with serving(tmp_path, kind) as (process, base):
        before = run(workers(base, trust, 2))
        process.send_signal(signal.SIGHUP)
        after = before
        while after & before:
            with contextlib.suppress(httpx.TransportError):  # a worker that ends answers no more
                after = run(workers(base, trust, 2))
