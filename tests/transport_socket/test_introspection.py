"""What can be seen of transports from outside: their repr, and the names that libraries look at."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import contextvars
import gc
import ssl
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_socket.support import HOST, TCP, connected, made, port_of, running, serving, turns
from transport_abc.testing import Recorder

if TYPE_CHECKING:
    from tests.support import Certificates


async def test_repr_tells_state_peer_and_buffer() -> None:
    left = Recorder()
    async with connected(left) as (near, far):
        peer, fd = near.get_extra_info("peername"), near._sock_fd
        assert repr(near) == f"<SocketTransport open peer={peer!r} fd={fd} write_buffer=0>"
        far.pause_reading()
        near.set_write_buffer_limits(high=2**30)
        while not near.get_write_buffer_size():
            near.write(bytes(100_000))
        size = near.get_write_buffer_size()
        near.close()
        assert repr(near) == f"<SocketTransport closing peer={peer!r} fd={fd} write_buffer={size}>"
        near.abort()
        await left.lost()
        assert repr(near) == f"<SocketTransport closed peer={peer!r} fd={fd} write_buffer=0>"


async def test_transport_is_of_asyncio_s_classes() -> None:
    async with connected() as (near, _):
        assert isinstance(near, asyncio.Transport)
        assert isinstance(near, asyncio.ReadTransport)
        assert isinstance(near, asyncio.WriteTransport)


async def test_names_that_libraries_look_at_are_there() -> None:
    left = Recorder()
    async with connected(left) as (near, far):
        assert near._loop is asyncio.get_running_loop()
        assert near._sock.fileno() == near._sock_fd
        assert near._protocol is left
        assert near._start_tls_compatible
        assert near._extra["peername"] == near.get_extra_info("peername")
        assert far._server is not None
        assert (near._closing, near._conn_lost, near._eof, near._paused) == (False, 0, False, False)
        near.pause_reading()
        near.write_eof()
        assert (near._eof, near._paused) == (True, True)
        near._fatal_error(ConnectionAbortedError())
        assert near._closing
        assert near._conn_lost
        assert isinstance(await left.lost(), ConnectionAbortedError)


async def test_methods_can_be_replaced_on_a_transport() -> None:
    async with connected() as (near, _):
        written: list[Any] = []
        near.write = written.append  # type: ignore[method-assign, assignment]
        near.write(b"data")
        assert written == [b"data"]


async def test_closed_connection_is_freed_without_the_collector() -> None:
    async with serving(Recorder) as server:
        gc.collect()
        gc.disable()
        try:
            transport, protocol = await TCP.connect(running(), Recorder, HOST, port_of(server))
            reference = weakref.ref(transport)
            transport.close()
            await protocol.lost()
            del transport, protocol
            await turns()
            assert reference() is None
        finally:
            gc.enable()


async def test_protocol_of_a_connection_runs_in_the_context_that_made_it() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []
    left = Recorder(
        connection_made=lambda transport: seen.append(variable.get()),
        data_received=lambda data: seen.append(variable.get()),
        connection_lost=lambda exc: seen.append(variable.get()),
    )
    right = Recorder(connection_made=lambda transport: transport.write(b"hello"))
    async with serving(made(right)) as server:
        variable.set("of the caller")
        transport, _ = await TCP.connect(running(), made(left), HOST, port_of(server))
        variable.set("later")
        await left.received(5)
        transport.close()
        await left.lost()
    assert seen == ["of the caller"] * 3


async def test_asyncio_s_ssl_protocol_can_be_put_over_a_transport_by_hand(certificates: Certificates) -> None:
    """As aiosmtpd does for STARTTLS."""
    left, right = Recorder(), Recorder()

    def upgrade(transport: Any, protocol: Any, context: ssl.SSLContext, **options: Any) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        over: Any = asyncio.sslproto.SSLProtocol(loop, protocol, context, waiter, **options)
        transport.set_protocol(over)
        over.connection_made(transport)
        protocol.transport = over._app_transport
        return waiter

    async with connected(left, right) as (near, far):
        there = upgrade(near, left, certificates.client, server_hostname="localhost", call_connection_made=False)
        back = upgrade(far, right, certificates.server, server_side=True, call_connection_made=False)
        await asyncio.gather(there, back)
        left.transport.write(b"secret")
        await right.received(6)
        right.transport.write(b"answer")
        await left.received(6)
        left.transport.close()
        await right.lost()
        await left.lost()


def test_start_tls_of_stock_asyncio_takes_a_transport(certificates: Certificates) -> None:
    async def main() -> None:
        left, right = Recorder(), Recorder()
        async with connected(left, right) as (near, far):
            loop = asyncio.get_running_loop()
            one, other = await asyncio.gather(
                loop.start_tls(near, left, certificates.client, server_hostname="localhost"),  # type: ignore[arg-type]
                loop.start_tls(far, right, certificates.server, server_side=True),  # type: ignore[arg-type]
            )
            assert one is not None
            assert other is not None
            one.write(b"secret")
            await right.received(6)
            one.close()
            await right.lost()

    asyncio.run(main())


async def test_write_after_the_connection_was_lost_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    left = Recorder()
    async with connected(left) as (near, _):
        near.abort()
        for _ in range(7):
            near.write(b"late")
        await left.lost()
        near.write(b"very late")
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "data written after the connection was lost is dropped"
    ]
