"""hypercorn on the loop by its own `serve()`: HTTP/1 and HTTP/2, over TCP and TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library

serve = library("hypercorn.asyncio").serve
Config = library("hypercorn.config").Config
httpx = library("httpx")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Be the smallest application: give back what was posted, a piece at a time."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")  # the servers take this as "not supported"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        part = await receive()
        more = part["more_body"]
        await send({"type": "http.response.body", "body": part["body"], "more_body": more})


def configure(files: CertificateFiles, tls: bool) -> tuple[Any, str]:
    """Hand a listening socket to the server, so that nobody has to wait until it listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = Config()
    url = f"http{'s' * tls}://localhost:{listening.getsockname()[1]}"
    config.bind = [f"fd://{listening.detach()}"]
    if tls:
        config.certfile, config.keyfile = str(files.certificate), str(files.key)
    return config, url


@pytest.mark.parametrize(("tls", "version"), [(False, "HTTP/1.1"), (True, "HTTP/1.1"), (True, "HTTP/2")])
def test_an_application_echoes(certificate_files: CertificateFiles, tls: bool, version: str) -> None:
    async def main() -> None:
        assert_on_our_loop()
        config, url = configure(certificate_files, tls)
        over = asyncio.Event()
        serving = asyncio.create_task(serve(echo, config, shutdown_trigger=over.wait))
        trust = ssl.create_default_context(cafile=str(certificate_files.authority))
        options = {"http2": version == "HTTP/2", "verify": trust, "trust_env": False, "timeout": 60}
        async with httpx.AsyncClient(**options) as client:
            answers = await asyncio.gather(*(client.post(url, content=PAYLOAD[number:]) for number in range(8)))
            assert [answer.content for answer in answers] == [PAYLOAD[number:] for number in range(8)]
            assert {answer.http_version for answer in answers} == {version}
        over.set()
        await serving

    run(main())
