"""tornado on the loop: HTTP, WebSocket and processes, by add_reader and add_writer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library
from tests.support import Certificates

web = library("tornado.web")
httpserver = library("tornado.httpserver")
httpclient = library("tornado.httpclient")
websocket = library("tornado.websocket")
netutil = library("tornado.netutil")
process = library("tornado.process")
RequestHandler: Any = web.RequestHandler
WebSocketHandler: Any = websocket.WebSocketHandler

BINARY = {"Content-Type": "application/octet-stream"}


class Echo(RequestHandler):  # type: ignore[misc]
    async def post(self) -> None:
        await asyncio.sleep(0)
        self.finish(self.request.body)


class Talk(WebSocketHandler):  # type: ignore[misc]
    def on_message(self, message: str) -> None:
        self.write_message(message.upper())


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_requests_and_websockets(certificates: Certificates, tls: bool) -> None:
    async def main() -> None:
        assert_on_our_loop()
        application = web.Application([("/echo", Echo), ("/talk", Talk)])
        server = httpserver.HTTPServer(application, ssl_options=certificates.server if tls else None)
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        base = f"{'s' * tls}://localhost:{sockets[0].getsockname()[1]}"
        secure = {"ssl_options": certificates.client} if tls else {}
        client = httpclient.AsyncHTTPClient(force_instance=True)
        answer = await client.fetch(f"http{base}/echo", method="POST", headers=BINARY, body=PAYLOAD, **secure)
        assert answer.body == PAYLOAD
        request = httpclient.HTTPRequest(f"ws{base}/talk", **secure)
        talk = await websocket.websocket_connect(request)
        await talk.write_message("x" * 100_000)
        assert await talk.read_message() == "X" * 100_000
        talk.close()
        assert await talk.read_message() is None
        client.close()
        server.stop()
        await server.close_all_connections()

    run(main())


def test_processes_end_with_tornados_own_handler_of_sigchld_beside_the_loops_watch() -> None:
    async def main() -> None:
        ours = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
        theirs = process.Subprocess(["sh", "-c", "echo $0; exit 3", "hello"], stdout=process.Subprocess.STREAM)
        assert await theirs.stdout.read_until_close() == b"hello\n"
        assert await theirs.wait_for_exit(raise_error=False) == 3
        assert ours.stdin is not None
        ours.stdin.close()
        assert await ours.wait() == 0
        process.Subprocess.uninitialize()

    run(main())
