"""zeroconf on the loop: it brings its own multicast sockets and has datagram endpoints made of them."""

from __future__ import annotations

import socket

from loop_selector import run
from tests.ecosystem.support import assert_on_our_loop, library

zeroconf = library("zeroconf")
asynchronous = library("zeroconf.asyncio")

KIND = "_ecosystem._tcp.local."


def test_a_service_is_announced_found_and_withdrawn() -> None:
    name = f"case.{KIND}"
    info = zeroconf.ServiceInfo(
        KIND,
        name,
        addresses=[socket.inet_aton("127.0.0.1")],
        port=4711,
        properties={"answer": "42"},
        server="case.local.",
    )

    async def main() -> None:
        assert_on_our_loop()
        options = {"interfaces": ["127.0.0.1"], "ip_version": zeroconf.IPVersion.V4Only}
        async with asynchronous.AsyncZeroconf(**options) as one, asynchronous.AsyncZeroconf(**options) as two:
            await (await one.async_register_service(info))
            found = await two.async_get_service_info(KIND, name, timeout=10_000)
            assert (found.port, found.properties) == (4711, {b"answer": b"42"})
            await (await one.async_unregister_service(info))

    run(main())
