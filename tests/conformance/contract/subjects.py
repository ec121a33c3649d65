"""What the contract is tried on: each kind of transport, made by our plug-ins."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tests.support import Certificates, make_certificates
from transport_abc.testing import DatagramSubject, StreamSubject, pairs_from, serve_with, udp_pairs_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from transport_abc import DatagramTransport, Transport


def tcp() -> StreamSubject:
    from transport_socket import TcpPlugin

    serve = serve_with(TcpPlugin(), "127.0.0.1", 0)
    return StreamSubject(make_pair=pairs_from(serve), serve=serve)


def tcp_adopted() -> StreamSubject:
    """Both ends made of sockets that are connected already."""
    from transport_socket import TcpPlugin

    @asynccontextmanager
    async def make_pair(left: Callable[[], Any], right: Callable[[], Any]) -> AsyncIterator[tuple[Any, Any]]:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            near = socket.create_connection(server.getsockname())
            far, _ = server.accept()
        for sock in (near, far):
            sock.setblocking(False)
        plugin = TcpPlugin()
        near_end, _ = await plugin.connect(loop, left, sock=near)
        far_end, _ = await plugin.adopt(loop, right, far)
        yield near_end, far_end

    return StreamSubject(make_pair=make_pair)


def unix() -> StreamSubject:
    from transport_socket import UnixPlugin

    @asynccontextmanager
    async def serve(factory: Callable[[], Any]) -> AsyncIterator[Any]:
        with tempfile.TemporaryDirectory() as folder:
            async with serve_with(UnixPlugin(), str(Path(folder, "socket")))(factory) as connect:
                yield connect

    return StreamSubject(make_pair=pairs_from(serve), serve=serve)


@functools.cache
def certificates(version: ssl.TLSVersion) -> Certificates:
    made = make_certificates()
    made.client.maximum_version = version
    return made


def tls(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> StreamSubject:
    """TLS over TCP, both made by our plug-ins."""
    from transport_socket import TcpPlugin
    from transport_ssl import SslPlugin

    def wrapped(loop: Any, factory: Callable[[], Any], *, server_side: bool) -> Callable[[], Any]:
        made = certificates(version)
        context = made.server if server_side else made.client
        name = None if server_side else "localhost"
        return lambda: SslPlugin().wrap(
            loop, factory(), sslcontext=context, server_side=server_side, server_hostname=name
        )

    @asynccontextmanager
    async def serve(factory: Callable[[], Any]) -> AsyncIterator[Any]:
        loop = asyncio.get_running_loop()
        over_tcp = serve_with(TcpPlugin(), "127.0.0.1", 0)
        async with over_tcp(wrapped(loop, factory, server_side=True)) as connect_tcp:

            async def connect(protocol_factory: Callable[[], Any]) -> tuple[Any, Any]:
                _, wrapper = await connect_tcp(wrapped(loop, protocol_factory, server_side=False))
                await wrapper.wait_ready()
                return wrapper, wrapper.get_protocol()

            yield connect

    half_close = version is ssl.TLSVersion.TLSv1_3
    return StreamSubject(make_pair=pairs_from(serve), serve=serve, half_close=half_close, exact_buffer_size=False)


def tls12() -> StreamSubject:
    return tls(ssl.TLSVersion.TLSv1_2)


def pipe() -> StreamSubject:
    """One way only, and without addresses."""
    from transport_subprocess import PipePlugin

    @asynccontextmanager
    async def make_pair(left: Callable[[], Any], right: Callable[[], Any]) -> AsyncIterator[tuple[Any, Any]]:
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        plugin = PipePlugin()
        right_end, _ = await plugin.connect_read(loop, right, os.fdopen(reading, "rb", buffering=0))
        left_end, _ = await plugin.connect_write(loop, left, os.fdopen(writing, "wb", buffering=0))
        yield cast("Transport", left_end), cast("Transport", right_end)

    return StreamSubject(make_pair=make_pair, duplex=False, half_close=False, resets=False, addresses=False)


def udp() -> DatagramSubject:
    from transport_socket import UdpPlugin

    return DatagramSubject(make_pair=udp_pairs_with(UdpPlugin()))


def unix_datagram() -> DatagramSubject:
    from transport_socket import UnixDatagramPlugin

    @asynccontextmanager
    async def make_pair(
        left: Callable[[], Any], right: Callable[[], Any]
    ) -> AsyncIterator[tuple[DatagramTransport, DatagramTransport]]:
        loop = asyncio.get_running_loop()
        plugin = UnixDatagramPlugin()
        with tempfile.TemporaryDirectory() as folder:
            near, far = str(Path(folder, "near")), str(Path(folder, "far"))
            far_end, _ = await plugin.open(loop, right, local_addr=far)
            near_end, _ = await plugin.open(loop, left, local_addr=near, remote_addr=far)
            yield near_end, far_end

    return DatagramSubject(make_pair=make_pair, blocks=True)
