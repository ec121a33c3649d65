"""A web server that people use."""

from __future__ import annotations

import asyncio
import importlib
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.case import Load, Place, Served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def _hello(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application without a framework."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello, world!"})


@asynccontextmanager
async def _uvicorn(place: Place) -> AsyncIterator[str]:
    uvicorn = importlib.import_module("uvicorn")
    config = uvicorn.Config(_hello, access_log=False, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        port = str(listener.getsockname()[1])
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 -- it has no event to wait for
            await asyncio.sleep(0.01)
        if serving.done():
            serving.result()
        yield port
        server.should_exit = True
        await serving


CASES = [
    Served(
        name="asgi",
        about="uvicorn with a plain ASGI application, 50 connections of wrk",
        group="web",
        count=15_000,
        server=_uvicorn,
        load=Load(mode="http"),
        floor=None,
    ),
]
