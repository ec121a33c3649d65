"""An echo over TLS, with asyncio's streams; the arguments are a server's certificate and the authority to trust."""

from __future__ import annotations

import asyncio
import ssl
import sys

import loop_selector


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    writer.close()


async def main(certificate: str, authority: str) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=authority)
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving) as server:
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port, ssl=trusting)
        writer.write(b"hello\n")
        assert await reader.read() == b"hello\n"
        assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
        writer.close()
        await writer.wait_closed()


loop_selector.run(main(*sys.argv[1:]))
print("worked")
