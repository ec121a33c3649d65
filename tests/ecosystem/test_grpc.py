"""gRPC's own `grpc.aio`, client and server on the loop that runs: its C core wakes the loop through a socket pair."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library

grpc = library("grpc")
aio = library("grpc.aio")

LIMITS = [("grpc.max_receive_message_length", 8 << 20)]


async def echo(request: bytes, context: Any) -> bytes:
    assert_on_our_loop()
    if not request:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "nothing to echo")
    return request


async def double(requests: Any, context: Any) -> Any:
    async for request in requests:
        yield request * 2


def service() -> Any:
    methods = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Double": grpc.stream_stream_rpc_method_handler(double),
    }
    return grpc.method_handlers_generic_handler("test.Service", methods)


async def call(channel: Any) -> None:
    ask = channel.unary_unary("/test.Service/Echo")
    pieces = [PAYLOAD[: 10_000 * number] for number in range(1, 20)]
    assert await asyncio.gather(*(ask(piece) for piece in pieces)) == pieces
    with pytest.raises(aio.AioRpcError, match="nothing to echo"):
        await ask(b"")
    stream = channel.stream_stream("/test.Service/Double")()
    for number in range(100):
        await stream.write(b"%d," % number)
        assert await stream.read() == b"%d,%d," % (number, number)
    await stream.done_writing()
    assert await stream.read() is aio.EOF


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_calls_streams_and_errors(certificate_files: CertificateFiles, tls: bool) -> None:
    async def main() -> None:
        assert_on_our_loop()
        server = aio.server(options=LIMITS)
        server.add_generic_rpc_handlers((service(),))
        if tls:
            pair = (certificate_files.key.read_bytes(), certificate_files.certificate.read_bytes())
            port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
            trust = grpc.ssl_channel_credentials(certificate_files.authority.read_bytes())
            channel = aio.secure_channel(f"localhost:{port}", trust, options=LIMITS)
        else:
            port = server.add_insecure_port("127.0.0.1:0")
            channel = aio.insecure_channel(f"127.0.0.1:{port}", options=LIMITS)
        await server.start()
        async with channel:
            await call(channel)
        await server.stop(None)

    run(main())
