"""Subjects for what many have: the methods of a loop, and the methods of a plug-in."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from transport_abc.testing._subjects import DatagramSubject, StreamSubject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from transport_abc._plugins import DatagramPlugin, StreamPlugin
    from transport_abc._transports import DatagramTransport, Transport
    from transport_abc.testing._subjects import Connect, MakeDatagramPair, MakePair, Serve

__all__ = ["pairs_from", "serve_with", "tcp_of_loop", "udp_of_loop", "udp_pairs_with"]

_HOST = "127.0.0.1"


def pairs_from(serve: Serve) -> MakePair:
    """Make the ``make_pair`` of a :class:`StreamSubject` out of its ``serve``: the right end is the accepted one."""

    @asynccontextmanager
    async def make_pair(
        left_factory: Callable[[], Any], right_factory: Callable[[], Any]
    ) -> AsyncIterator[tuple[Transport, Transport]]:
        accepted: asyncio.Future[Transport] = asyncio.get_running_loop().create_future()
        async with serve(lambda: _announcing(right_factory(), accepted)) as connect:
            left, _ = await connect(left_factory)
            yield left, await accepted

    return make_pair


def _announcing(protocol: Any, accepted: asyncio.Future[Transport]) -> Any:
    """Hand on the transport with which ``connection_made`` is called, and leave no trace on the protocol."""
    own = vars(protocol).get("connection_made")

    def announce(transport: Transport) -> None:
        if own is None:
            del protocol.connection_made  # a method of the class shows again
        else:
            protocol.connection_made = own
        if not accepted.done():
            accepted.set_result(transport)
        protocol.connection_made(transport)

    protocol.connection_made = announce
    return protocol


def _address(server: Any) -> tuple[Any, ...]:
    """Return the address of a server's first socket, as arguments for ``connect``."""
    name = server.sockets[0].getsockname()
    return name[:2] if isinstance(name, tuple) else (name,)


def serve_with(plugin: StreamPlugin, *listen: Any, address: Callable[[Any], Sequence[Any]] = _address) -> Serve:
    """Make the ``serve`` of a :class:`StreamSubject` out of a plug-in that listens and connects.

    Args:
        plugin: the plug-in.
        listen: the arguments of its ``listen``, behind loop and factory.
        address: returns the arguments of its ``connect``, given the server; by default the name of its first socket.
    """

    @asynccontextmanager
    async def serve(factory: Callable[[], Any]) -> AsyncIterator[Connect]:
        loop = asyncio.get_running_loop()
        server = await plugin.listen(loop, factory, *listen)
        arguments = address(server)
        try:
            yield lambda protocol_factory: plugin.connect(loop, protocol_factory, *arguments)
        finally:
            server.close()
            await asyncio.sleep(0)

    return serve


@asynccontextmanager
async def _serve_tcp(factory: Callable[[], Any]) -> AsyncIterator[Connect]:
    """Accept TCP connections on loopback with the running loop."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, _HOST, 0)
    host, port = server.sockets[0].getsockname()

    async def connect(protocol_factory: Callable[[], Any]) -> tuple[Transport, Any]:
        transport, protocol = await loop.create_connection(protocol_factory, host, port)
        return cast("Transport", transport), protocol

    try:
        yield connect
    finally:
        server.close()
        await asyncio.sleep(0)


def tcp_of_loop(implementation: str = "") -> StreamSubject:
    """Return TCP over loopback, made by ``create_server`` and ``create_connection`` of whichever loop runs."""
    return StreamSubject(make_pair=pairs_from(_serve_tcp), serve=_serve_tcp, implementation=implementation)


def udp_pairs_with(plugin: DatagramPlugin) -> MakeDatagramPair:
    """Make the ``make_pair`` of a :class:`DatagramSubject` out of a plug-in for UDP."""

    @asynccontextmanager
    async def make_pair(
        left_factory: Callable[[], Any], right_factory: Callable[[], Any]
    ) -> AsyncIterator[tuple[DatagramTransport, DatagramTransport]]:
        loop = asyncio.get_running_loop()
        right, _ = await plugin.open(loop, right_factory, local_addr=(_HOST, 0))
        address = right.get_extra_info("sockname")
        left, _ = await plugin.open(loop, left_factory, local_addr=(_HOST, 0), remote_addr=address)
        yield left, right

    return make_pair


@asynccontextmanager
async def _udp_pair(
    left_factory: Callable[[], Any], right_factory: Callable[[], Any]
) -> AsyncIterator[tuple[DatagramTransport, DatagramTransport]]:
    """Make two UDP endpoints on loopback with the running loop."""
    loop = asyncio.get_running_loop()
    right, _ = await loop.create_datagram_endpoint(right_factory, local_addr=(_HOST, 0))
    address = right.get_extra_info("sockname")
    left, _ = await loop.create_datagram_endpoint(left_factory, local_addr=(_HOST, 0), remote_addr=address)
    yield cast("DatagramTransport", left), cast("DatagramTransport", right)


def udp_of_loop(implementation: str = "") -> DatagramSubject:
    """Return UDP over loopback, made by ``create_datagram_endpoint`` of whichever loop runs."""
    return DatagramSubject(make_pair=_udp_pair, implementation=implementation)
