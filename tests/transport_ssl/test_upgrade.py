"""STARTTLS: on both sides, over any transport, and what was read ahead of it."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import TIMEOUT, read_until_eof
from tests.transport_ssl.support import HOST, STRICT, Authority, Peer, connect, serving
from transport_abc import Protocol, Transport, get_running_loop
from transport_abc.testing import BufferedRecorder, Recorder

Run = Callable[[Any], Any]


@asynccontextmanager
async def tcp(protocol: Any) -> AsyncIterator[tuple[Transport, socket.socket]]:
    """Connect a protocol, in plain text over TCP, to a blocking socket."""
    loop = get_running_loop()
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(TIMEOUT)
        transport, _ = await loop.create_connection(lambda: protocol, *server.getsockname())
        far, _ = await asyncio.to_thread(server.accept)
    with far:
        far.settimeout(TIMEOUT)
        try:
            yield transport, far
        finally:
            transport.abort()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def upgrade(transport: Any, protocol: Any, context: ssl.SSLContext, *, server_side: bool, **options: Any) -> Any:
    name = None if server_side else HOST
    loop = asyncio.get_running_loop()
    return await STRICT.upgrade(
        loop, transport, protocol, context, server_side=server_side, server_hostname=name, **options
    )


def contexts(authority: Authority, server_side: bool) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the context of our side and that of the peer."""
    return (authority.server(), authority.client()) if server_side else (authority.client(), authority.server())


@pytest.mark.parametrize("server_side", [True, False], ids=["server", "client"])
@pytest.mark.parametrize("recorder", [Recorder, BufferedRecorder])
def test_plain_text_then_tls(run: Run, authority: Authority, server_side: bool, recorder: Callable[[], Any]) -> None:
    ours, theirs = contexts(authority, server_side)

    def peer_side(sock: socket.socket) -> bytes:
        assert sock.recv(100) == b"ready"
        sock.sendall(b"go")
        assert sock.recv(3) == b"now"
        peer = Peer(sock, theirs, server_side=not server_side)
        peer.write(b"secret")
        answer = peer.read_exactly(6)
        peer.say_goodbye()
        return answer

    async def main() -> None:
        near = recorder()
        async with tcp(near) as (plain, sock):
            peer = asyncio.create_task(asyncio.to_thread(peer_side, sock))
            plain.write(b"ready")
            await near.received(2)
            before = near.count("connection_made")
            plain.write(b"now")
            transport = await upgrade(plain, near, ours, server_side=server_side)
            assert near.count("connection_made") == before == 1
            assert near.data == b"go"  # the first data comes after whoever awaits the upgrade
            await near.received(8)
            assert near.data == b"gosecret"
            assert transport.get_extra_info("sslcontext") is ours
            assert transport.get_extra_info("sockname") == plain.get_extra_info("sockname")
            transport.write(b"answer")
            assert await peer == b"answer"
            assert await near.lost() is None
            assert near.order()[-2:] == ["eof_received", "connection_lost"]

    run(main())


def buffer_of(stream: asyncio.StreamReader) -> bytearray:
    """Return what a stream has received and nobody has read."""
    buffer: bytearray = vars(stream)["_buffer"]
    return buffer


def injected(reader: bytes, server_side: bool, authority: Authority, run: Run) -> tuple[BaseException, bytes, bytes]:
    """Send plain text, have the stream reader take its first line only, upgrade; return the error and what was read."""

    async def main() -> tuple[BaseException, bytes, bytes]:
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(stream, loop=loop)
        async with tcp(protocol) as (plain, sock):
            await asyncio.to_thread(sock.sendall, reader)
            line = await stream.readline()
            ours, _ = contexts(authority, server_side)
            with pytest.raises(ssl.SSLError) as caught:
                await upgrade(plain, protocol, ours, server_side=server_side)
            with pytest.raises(ssl.SSLError):
                await stream.read()
            return caught.value, line, bytes(buffer_of(stream))

    result: tuple[BaseException, bytes, bytes] = run(main())
    return result


@pytest.mark.parametrize("server_side", [True, False], ids=["server", "client"])
def test_plain_text_behind_the_request_ends_the_connection_and_is_never_data(
    run: Run, authority: Authority, server_side: bool
) -> None:
    error, line, left = injected(b"STARTTLS\r\nDROP TABLE students\r\n", server_side, authority, run)
    assert line == b"STARTTLS\r\n"
    assert "plain text was received ahead of the TLS handshake: b'DROP TABLE students" in str(error)
    assert left == b""


def test_a_client_can_have_received_nothing_not_even_tls(run: Run, authority: Authority) -> None:
    error, _, left = injected(b"220 go ahead\r\n\x16\x03\x03\x00\x01\x02", False, authority, run)
    assert "received ahead of the TLS handshake" in str(error)
    assert left == b""


def test_tls_bytes_that_a_stream_has_read_already_are_not_lost(run: Run, authority: Authority) -> None:
    """A client that does not wait for leave, as behind a PROXY header: all its bytes may arrive at once."""

    def eager(sock: socket.socket) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = authority.client().wrap_bio(incoming, outgoing, server_hostname=HOST)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        sock.sendall(b"PROXY TCP4 127.0.0.1\r\n" + outgoing.read())
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(sock.recv(65536))
        tls.write(b"hello\n")
        sock.sendall(outgoing.read())
        return read_until_eof(sock)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(stream, loop=loop)
        async with tcp(protocol) as (plain, sock):
            peer = asyncio.create_task(asyncio.to_thread(eager, sock))
            assert await stream.readline() == b"PROXY TCP4 127.0.0.1\r\n"
            assert buffer_of(stream)  # the whole point
            transport = await upgrade(plain, protocol, authority.server(), server_side=True)
            assert await stream.readline() == b"hello\n"
            transport.abort()
            await peer

    run(main())


def test_a_caller_can_hand_over_what_it_has_received(run: Run, authority: Authority) -> None:
    def eager(sock: socket.socket) -> bytes:
        peer = Peer(sock, authority.client(), server_side=False)
        peer.write(b"hello")
        answer = peer.read_exactly(6)
        peer.say_goodbye()
        return answer

    async def main() -> None:
        near = Recorder()
        async with tcp(near) as (plain, sock):
            peer = asyncio.create_task(asyncio.to_thread(eager, sock))
            await near.received(1)
            received, near.data = bytes(near.data), bytearray()
            transport = await upgrade(plain, near, authority.server(), server_side=True, received=received)
            await near.received(5)
            assert near.data == b"hello"
            transport.write(b"answer")
            assert await peer == b"answer"
            await near.lost()

    run(main())


def test_a_handshake_that_fails_ends_the_connection(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with tcp(near) as (plain, sock):
            await asyncio.to_thread(sock.sendall, b"hello")
            await near.received(5)
            upgrading = asyncio.create_task(upgrade(plain, near, authority.server(), server_side=True))
            await asyncio.sleep(0)
            await asyncio.to_thread(sock.sendall, b"no TLS at all\r\n")
            with pytest.raises(ssl.SSLError) as caught:
                await upgrading
            assert await near.lost() is caught.value
            assert near.data == b"hello"
            assert plain.is_closing()

    run(main())


def test_an_upgrade_that_is_cancelled_ends_the_connection(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with tcp(near) as (plain, sock):
            task = asyncio.create_task(upgrade(plain, near, authority.client(), server_side=False))
            await asyncio.to_thread(sock.recv, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await near.lost() is None

    run(main())


def test_a_closing_transport_is_not_upgraded(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with tcp(near) as (plain, _):
            plain.close()
            assert await upgrade(plain, near, authority.client(), server_side=False) is None
            assert await near.lost() is None

    run(main())


@pytest.mark.parametrize(
    "transport", [None, object(), asyncio.ReadTransport(), asyncio.WriteTransport(), asyncio.DatagramTransport()]
)
def test_what_cannot_carry_tls_is_refused(authority: Authority, transport: Any) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match=r"is not supported by start_tls\(\)"):
            await upgrade(transport, Recorder(), authority.client(), server_side=False)

    asyncio.run(main())


def test_the_transports_of_uvloop_are_upgraded(authority: Authority) -> None:
    uvloop: Any = pytest.importorskip("uvloop", reason="has transports that are no asyncio.Transport")

    async def main() -> None:
        loop, far = get_running_loop(), Recorder()
        server = await loop.create_server(lambda: far, HOST, 0)
        near, _ = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        await far.called("connection_made")
        assert not isinstance(near, asyncio.Transport)
        await echo_over(near, far.transport, authority)
        server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(main(), 20))


def test_a_context_is_needed(run: Run) -> None:
    async def main() -> None:
        near = Recorder()
        async with tcp(near) as (plain, _):
            with pytest.raises(TypeError, match=r"sslcontext is expected to be an instance of ssl\.SSLContext"):
                await upgrade(plain, near, None, server_side=False)  # type: ignore[arg-type]
            assert not plain.is_closing()

    run(main())


def test_an_upgrade_that_is_refused_at_the_call_leaves_connection_and_data_alone(
    run: Run, authority: Authority
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(stream, loop=loop)
        async with tcp(protocol) as (plain, sock):
            await asyncio.to_thread(sock.sendall, b"first\nsecond\n")
            assert await stream.readline() == b"first\n"
            with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
                await STRICT.upgrade(loop, plain, protocol, authority.client())
            with pytest.raises(ssl.SSLError, match="PROTOCOL_TLS_CLIENT"):
                await upgrade(plain, protocol, authority.client(), server_side=True)
            assert await stream.readline() == b"second\n"
            await asyncio.to_thread(sock.sendall, b"third\n")
            assert await stream.readline() == b"third\n"
            assert not plain.is_closing()

    run(main())


# -- over other transports -------------------------------------------------------------------------------------------


async def echo_over(near_lower: Any, far_lower: Any, authority: Authority) -> None:
    """Shake hands over two ends of anything, and exchange more than a buffer holds."""
    near, far = Recorder(), Recorder(data_received=lambda data: far_transport.write(data))
    near_transport, far_transport = await asyncio.gather(
        upgrade(near_lower, near, authority.client(), server_side=False),
        upgrade(far_lower, far, authority.server(), server_side=True),
    )
    data = os.urandom(300_000)
    near_transport.write(data)
    await near.received(len(data))
    assert near.data == data
    near_transport.close()
    assert await near.lost() is None
    assert await far.lost() is None


def test_tls_in_tls(run: Run, authority: Authority) -> None:
    async def main() -> None:
        outer_far = Recorder()
        async with serving(lambda: outer_far, authority.server()) as address:
            outer_near = await connect(Recorder(), authority.client(), address)
            await outer_far.called("connection_made")
            await echo_over(outer_near, outer_far.transport, authority)

    run(main())


def test_tls_in_the_tls_of_asyncio(run: Run, authority: Authority) -> None:
    async def main() -> None:
        loop = get_running_loop()
        outer_far = Recorder()
        server = await loop.create_server(lambda: outer_far, HOST, 0, ssl=authority.server())
        outer_near, _ = await loop.create_connection(
            Recorder, *server.sockets[0].getsockname(), ssl=authority.client(), server_hostname=HOST
        )
        await outer_far.called("connection_made")
        await echo_over(outer_near, outer_far.transport, authority)
        server.close()

    run(main())


@pytest.mark.parametrize("ours", ["client", "server"])
def test_the_start_tls_of_asyncio_is_a_peer(authority: Authority, ours: str) -> None:
    """One connection, upgraded by asyncio at one end and by the plug-in at the other."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        near, far = Recorder(), Recorder()
        server = await loop.create_server(lambda: far, HOST, 0)
        plain, _ = await loop.create_connection(lambda: near, *server.sockets[0].getsockname())
        await far.called("connection_made")
        if ours == "client":
            client = upgrade(plain, near, authority.client(), server_side=False)
            other = loop.start_tls(far.transport, far, authority.server(), server_side=True)
        else:
            client = loop.start_tls(plain, near, authority.client(), server_hostname=HOST)
            other = upgrade(far.transport, far, authority.server(), server_side=True)
        transport, far_transport = await asyncio.gather(client, other)
        data = os.urandom(300_000)
        transport.write(data)
        far_transport.write(data)
        await near.received(len(data))
        await far.received(len(data))
        assert near.data == far.data == data
        transport.close()
        assert await near.lost() is None
        assert await far.lost() is None
        server.close()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_over_unix_sockets(run: Run, authority: Authority, tmp_path: Path) -> None:
    async def main() -> None:
        loop = get_running_loop()
        far = Recorder()
        server = await loop.create_unix_server(lambda: far, tmp_path / "socket")
        near, _ = await loop.create_unix_connection(Recorder, tmp_path / "socket")
        await far.called("connection_made")
        await echo_over(near, far.transport, authority)
        server.close()

    run(main())


class PipePair(asyncio.Transport):
    """Two pipes, one in each direction, as one transport: what a program's standard input and output are."""

    def __init__(self) -> None:
        super().__init__()
        self._protocol: Any = None
        self._closing = False

    async def open(self, read: int, write: int) -> PipePair:
        loop = get_running_loop()
        pair = self

        class FromBelow(Protocol):
            def data_received(self, data: bytes) -> None:
                pair._protocol.data_received(data)

            def eof_received(self) -> None:
                if not pair._closing:
                    pair._protocol.eof_received()

            def connection_lost(self, exc: Exception | None) -> None:
                pair.close()

            def pause_writing(self) -> None:
                pair._protocol.pause_writing()

            def resume_writing(self) -> None:
                pair._protocol.resume_writing()

        self._read, _ = await loop.connect_read_pipe(FromBelow, os.fdopen(read, "rb", 0))
        self._write, _ = await loop.connect_write_pipe(FromBelow, os.fdopen(write, "wb", 0))
        return self

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def write(self, data: Any) -> None:
        self._write.write(data)

    def writelines(self, list_of_data: Any) -> None:
        self._write.writelines(list_of_data)

    def get_write_buffer_size(self) -> int:
        return self._write.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._write.get_write_buffer_limits()

    def pause_reading(self) -> None:
        self._read.pause_reading()

    def resume_reading(self) -> None:
        self._read.resume_reading()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._read.close()
            self._write.close()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


def test_over_a_pair_of_pipes(run: Run, authority: Authority) -> None:
    async def main() -> None:
        there, back = os.pipe(), os.pipe()
        near, far = await PipePair().open(back[0], there[1]), await PipePair().open(there[0], back[1])
        await echo_over(near, far, authority)
        for _ in range(5):
            await asyncio.sleep(0)

    run(main())


def test_streams_upgrade_as_asyncio_documents_it(authority: Authority) -> None:
    """``StreamWriter.start_tls`` on both sides, over our loop, where it is installed."""
    loop_selector = pytest.importorskip("loop_selector", reason="start_tls of a loop of its own is asked for")
    pytest.importorskip("transport_socket", reason="needs TCP")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.start_tls(authority.server())
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(serve, HOST, 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(authority.client(), server_hostname=HOST)
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    loop_selector.run(asyncio.wait_for(main(), 20))
