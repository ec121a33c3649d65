"""A hundred handshakes at once, of which a third is broken off somewhere."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.support import TIMEOUT
from tests.transport_ssl.support import HOST, Authority, Echo, connect, serving
from transport_abc.testing import Recorder

Run = Callable[[Any], Any]
COUNT = 100
HONEST = COUNT - len(range(0, COUNT, 3))
SEED = 20


def break_off(context: ssl.SSLContext, address: Any, after: int) -> None:
    """Begin a handshake and leave once so many bytes were sent, half of the times with a reset."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    left = after
    with socket.create_connection(address, TIMEOUT) as sock, suppress(OSError):
        if after % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        while left:
            with suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            if data := outgoing.read()[:left]:
                sock.sendall(data)
                left -= len(data)
            else:
                incoming.write(sock.recv(65536))


def test_a_third_of_many_handshakes_is_broken_off_and_the_others_succeed(run: Run, authority: Authority) -> None:
    async def main() -> None:
        chance = random.Random(SEED)
        reports: list[BaseException] = []
        reported = asyncio.Event()

        def take(loop: asyncio.AbstractEventLoop, report: dict[str, Any]) -> None:
            assert report["message"].startswith("SSL handshake failed with ")
            assert report["peername"][0] == HOST
            reports.append(report["exception"])
            if len(reports) == COUNT - HONEST:
                reported.set()

        asyncio.get_running_loop().set_exception_handler(take)
        served: list[Echo] = []

        def factory() -> Echo:
            served.append(Echo())
            return served[-1]

        client = authority.client()

        async def honest(number: int) -> None:
            near = Recorder()
            transport = await connect(near, client, address)
            data = chance.randbytes(1000)
            transport.write(data)
            await near.received(1000)
            assert near.data == data
            transport.close()
            assert await near.lost() is None

        async with serving(factory, authority.server()) as address:
            await asyncio.gather(
                *(
                    honest(number) if number % 3 else asyncio.to_thread(break_off, client, address[:2], after)
                    for number, after in enumerate(chance.randrange(1, 550) for _ in range(COUNT))
                )
            )
            established = [echo for echo in served if echo.count("connection_made")]
            for echo in established:
                assert await echo.lost() is None
            await reported.wait()
        assert len(established) == HONEST
        assert {type(exc) for exc in reports} <= {ConnectionResetError, ssl.SSLError}

    run(main())
