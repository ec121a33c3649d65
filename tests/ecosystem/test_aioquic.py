"""aioquic, client and server on the loop: QUIC streams over UDP."""

from __future__ import annotations

import asyncio
from typing import Any

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library

quic = library("aioquic.asyncio")
QuicConfiguration = library("aioquic.quic.configuration").QuicConfiguration


def test_streams_carry_data_both_ways_over_one_connection(certificate_files: CertificateFiles) -> None:
    handlers: list[asyncio.Task[None]] = []

    async def echo(reader: asyncio.StreamReader, writer: Any) -> None:
        writer.write(await reader.read())
        writer.write_eof()

    def accept(reader: asyncio.StreamReader, writer: Any) -> None:
        handlers.append(asyncio.get_running_loop().create_task(echo(reader, writer)))

    async def ask(client: Any, data: bytes) -> bytes:
        reader, writer = await client.create_stream()
        writer.write(data)
        writer.write_eof()
        answer: bytes = await reader.read()
        return answer

    async def main() -> None:
        assert_on_our_loop()
        server_side = QuicConfiguration(is_client=False, alpn_protocols=["echo"])
        server_side.load_cert_chain(certificate_files.certificate, certificate_files.key)
        client_side = QuicConfiguration(is_client=True, alpn_protocols=["echo"])
        client_side.load_verify_locations(str(certificate_files.authority))
        server = await quic.serve("127.0.0.1", 0, configuration=server_side, stream_handler=accept)
        port = server._transport.get_extra_info("sockname")[1]
        async with quic.connect("localhost", port, configuration=client_side) as client:
            pieces = [PAYLOAD[: 1000 * number] for number in range(1, 40)]
            assert await asyncio.gather(*(ask(client, piece) for piece in pieces)) == pieces
        await asyncio.gather(*handlers)
        server.close()

    run(main())
