"""grpclib, client and server on the loop: calls and streams over HTTP/2, with TLS and without."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library

const = library("grpclib.const")
client = library("grpclib.client")
Server = library("grpclib.server").Server
GRPCError = library("grpclib.exceptions").GRPCError
Status = const.Status
BytesValue = library("google.protobuf.wrappers_pb2").BytesValue


class Service:
    """Two methods, as generated code would declare them."""

    async def echo(self, stream: Any) -> None:
        request = await stream.recv_message()
        if not request.value:
            raise GRPCError(Status.INVALID_ARGUMENT, "nothing to echo")
        await stream.send_message(request)

    async def double(self, stream: Any) -> None:
        async for request in stream:
            await stream.send_message(BytesValue(value=request.value * 2))

    def __mapping__(self) -> dict[str, Any]:
        kinds = const.Cardinality
        return {
            "/test.Service/Echo": const.Handler(self.echo, kinds.UNARY_UNARY, BytesValue, BytesValue),
            "/test.Service/Double": const.Handler(self.double, kinds.STREAM_STREAM, BytesValue, BytesValue),
        }


def contexts(files: CertificateFiles) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.key)
    trusting = ssl.create_default_context(cafile=str(files.authority))
    for context in (server, trusting):
        context.set_alpn_protocols(["h2"])
    return server, trusting


async def call(channel: Any) -> None:
    echo = client.UnaryUnaryMethod(channel, "/test.Service/Echo", BytesValue, BytesValue)
    pieces = [PAYLOAD[: 10_000 * number] for number in range(1, 20)]
    answers = await asyncio.gather(*(echo(BytesValue(value=piece)) for piece in pieces))
    assert [answer.value for answer in answers] == pieces
    with pytest.raises(GRPCError, match="nothing to echo"):
        await echo(BytesValue())
    double = client.StreamStreamMethod(channel, "/test.Service/Double", BytesValue, BytesValue)
    async with double.open() as stream:
        for number in range(100):
            await stream.send_message(BytesValue(value=b"%d," % number), end=number == 99)
            assert (await stream.recv_message()).value == b"%d,%d," % (number, number)


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_calls_streams_and_errors(certificate_files: CertificateFiles, tls: bool) -> None:
    async def main() -> None:
        assert_on_our_loop()
        secure = contexts(certificate_files) if tls else (None, None)
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = Server([Service()])
        await server.start(sock=listening, ssl=secure[0])
        async with client.Channel("localhost", port, ssl=secure[1]) as channel:
            await call(channel)
        server.close()
        await server.wait_closed()

    run(main())
