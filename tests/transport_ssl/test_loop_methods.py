"""TLS as users get it: the ``ssl=`` of a loop's methods, ``start_tls``, ``sendfile``, a server's end, cancellation."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import TIMEOUT, listening, read_until_eof
from tests.transport_ssl.support import HOST, Authority, Echo, Peer
from transport_abc import get_running_loop
from transport_abc.testing import BufferedRecorder, Recorder

loop_selector: Any = pytest.importorskip("loop_selector", reason="these are methods of a loop of its own")
pytest.importorskip("transport_socket", reason="TLS needs something to go over")

in_thread = asyncio.to_thread


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    loop_selector.run(asyncio.wait_for(coroutine, 30))


@asynccontextmanager
async def serving(factory: Callable[[], Any], context: ssl.SSLContext, **options: Any) -> AsyncIterator[Any]:
    """Serve with ``create_server(ssl=...)``; see at the end that no connection is left that the server would know."""
    server = await get_running_loop().create_server(factory, HOST, 0, ssl=context, **options)
    try:
        yield server
    finally:
        server.close()
        await server.wait_closed()


def address_of(server: Any) -> tuple[str, int]:
    address: tuple[str, int] = server.sockets[0].getsockname()
    return address


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def exchange(near: Recorder | BufferedRecorder, data: bytes = b"hello") -> None:
    """Send to an echo server, and end in good order."""
    near.transport.write(data)
    await near.received(len(data))
    assert near.data == data
    near.transport.close()
    assert await near.lost() is None


# -- every way to a connection ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [Recorder, BufferedRecorder])
def test_tcp(authority: Authority, protocol: Callable[[], Any]) -> None:
    async def main() -> None:
        far = Echo()
        async with serving(lambda: far, authority.server()) as server:
            transport, near = await get_running_loop().create_connection(
                protocol, *address_of(server), ssl=authority.client()
            )
            assert near.names() == ["connection_made"]
            assert near.transport is transport
            await exchange(near, os.urandom(200_000))
            assert await far.lost() is None

    run(main())


def test_unix_sockets(authority: Authority, tmp_path: Path) -> None:
    async def main() -> None:
        loop, far = get_running_loop(), Echo()
        path = tmp_path / "socket"
        server = await loop.create_unix_server(lambda: far, path, ssl=authority.server())
        _, near = await loop.create_unix_connection(Recorder, path, ssl=authority.client(), server_hostname="localhost")
        await exchange(near, os.urandom(200_000))
        assert await far.lost() is None
        server.close()
        await server.wait_closed()

    run(main())


def test_a_socket_that_was_connected_or_accepted_elsewhere(authority: Authority) -> None:
    async def main() -> None:
        loop = get_running_loop()
        with listening() as listener:
            near_sock = await in_thread(socket.create_connection, listener.getsockname())
            far_sock, _ = listener.accept()
        accepting = asyncio.create_task(
            loop.connect_accepted_socket(Echo, far_sock, ssl=authority.server(), ssl_handshake_timeout=10)
        )
        _, near = await loop.create_connection(
            Recorder, sock=near_sock, ssl=authority.client(), server_hostname="localhost"
        )
        far_transport, far = await accepting
        assert far.transport is far_transport
        await exchange(near)
        assert await far.lost() is None

    run(main())


def test_an_accepted_socket_whose_peer_does_not_speak_tls_is_an_error_for_the_one_who_waits(
    authority: Authority,
) -> None:
    async def main() -> None:
        with listening() as listener:
            near = await in_thread(socket.create_connection, listener.getsockname())
            sock, _ = listener.accept()
        with near:
            near.sendall(b"GET / HTTP/1.1\r\n\r\n")
            protocol = Recorder()
            with pytest.raises(ssl.SSLError, match="HTTP_REQUEST"):  # and no report: caplog is not asked for
                await get_running_loop().connect_accepted_socket(lambda: protocol, sock, ssl=authority.server())
            assert protocol.names() == []

    run(main())


@pytest.mark.parametrize("trusted", [True, False])
def test_ssl_true_trusts_what_the_system_trusts(
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trusted: bool,
) -> None:
    _, _, pem = authority.files(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", pem)

    async def main() -> None:
        async with serving(Echo, authority.server()) as server:
            connecting = get_running_loop().create_connection(
                Recorder, *address_of(server), ssl=True, server_hostname="localhost"
            )
            if trusted:
                _, near = await connecting
                await exchange(near)
            else:
                with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
                    await connecting

    run(main())
    assert len(errors_in(caplog)) == (0 if trusted else 1)


def test_ssl_true_checks_the_name(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.files(tmp_path)[2])

    async def main() -> None:
        async with serving(Echo, authority.server("elsewhere")) as server:
            with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
                await get_running_loop().create_connection(Recorder, *address_of(server), ssl=True)

    run(main())
    assert len(errors_in(caplog)) == 1


@pytest.mark.parametrize(
    ("method", "options", "error", "text"),
    [
        (
            "create_server",
            {"ssl_handshake_timeout": 0},
            ValueError,
            "ssl_handshake_timeout should be a positive number",
        ),
        ("create_server", {"ssl_shutdown_timeout": -1}, ValueError, "ssl_shutdown_timeout should be a positive number"),
        ("create_server", {"ssl": "client"}, ssl.SSLError, "Cannot create a server socket with a PROTOCOL_TLS_CLIENT"),
        ("create_server", {"ssl": True}, TypeError, "ssl argument must be an SSLContext or None"),
        ("create_connection", {"ssl_handshake_timeout": 0}, ValueError, "should be a positive number, got 0"),
        (
            "create_connection",
            {"ssl": "certificate.pem"},
            TypeError,
            r"instance of ssl\.SSLContext, or True, got 'cert",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_the_call(
    authority: Authority, method: str, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    async def main() -> None:
        given = {"ssl": authority.server(), **options}
        if given["ssl"] == "client":
            given["ssl"] = authority.client()
        with listening() as listener:
            port = listener.getsockname()[1] if method == "create_connection" else 0
            with pytest.raises(error, match=text):
                await getattr(get_running_loop(), method)(Echo, HOST, port, **given)

    run(main())


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda tls: tls.name)
def test_a_missing_client_certificate_reaches_who_connects_or_in_tls_1_3_who_reads(
    authority: Authority, caplog: pytest.LogCaptureFixture, tls: ssl.TLSVersion
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("must not be called")

    async def main() -> None:
        server = await asyncio.start_server(serve, HOST, 0, ssl=authority.mutual(tls=tls))
        connecting = asyncio.open_connection(*address_of(server), ssl=authority.client())
        if tls is ssl.TLSVersion.TLSv1_2:
            with pytest.raises(ssl.SSLError, match=r"(?i)handshake failure|certificate required"):
                await connecting
        else:
            reader, writer = await connecting
            writer.write(b"hello\n")
            with pytest.raises(ssl.SSLError, match=r"(?i)certificate required"):
                await reader.readline()
            writer.close()
            with pytest.raises(ssl.SSLError, match=r"(?i)certificate required"):
                await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main())
    (error,) = errors_in(caplog)
    assert "peer did not return a certificate" in error.splitlines()[0]


@pytest.mark.parametrize("who", ["client", "server"])
def test_start_tls_on_one_side(authority: Authority, who: str) -> None:
    """The documented way: a protocol asks, its task upgrades, the transport that comes back is the one to use."""

    def peer_side(sock: socket.socket) -> bytes:
        sock.settimeout(TIMEOUT)
        peer = Peer(sock, authority.server() if who == "client" else authority.client(), server_side=who == "client")
        peer.write(b"secret")
        answer = peer.read_exactly(6)
        peer.say_goodbye()
        return answer

    async def main() -> None:
        loop, near = get_running_loop(), Recorder()
        with listening() as listener:
            plain, _ = await loop.create_connection(lambda: near, *listener.getsockname())
            sock, _ = await in_thread(listener.accept)
        with sock:
            peer = asyncio.create_task(in_thread(peer_side, sock))
            if who == "client":
                transport = await loop.start_tls(plain, near, authority.client(), server_hostname=HOST)
            else:
                transport = await loop.start_tls(plain, near, authority.server(), server_side=True)
            assert transport is not None
            assert transport.get_protocol() is near
            assert near.names() == ["connection_made"]
            await near.received(6)
            transport.write(b"answer")
            assert await peer == b"answer"
            assert await near.lost() is None
        assert near.order() == ["connection_made", "data_received", "eof_received", "connection_lost"]

    run(main())


def test_what_was_written_before_start_tls_goes_out_before_it_in_plain_text(authority: Authority) -> None:
    size = 20_000_000  # more than the kernel takes at once

    def peer_side(sock: socket.socket) -> bytes:
        sock.settimeout(TIMEOUT)
        left = size
        while left:
            data = sock.recv(min(left, 65536))
            assert data.strip(b"p") == b""
            left -= len(data)
        peer = Peer(sock, authority.server(), server_side=True)
        return peer.read_exactly(6)

    async def main() -> None:
        loop, near = get_running_loop(), Recorder()
        with listening() as listener:
            plain, _ = await loop.create_connection(lambda: near, *listener.getsockname())
            sock, _ = await in_thread(listener.accept)
        with sock:
            plain.write(b"p" * size)
            assert near.paused
            peer = asyncio.create_task(in_thread(peer_side, sock))
            transport = await loop.start_tls(plain, near, authority.client(), server_hostname=HOST)
            assert transport is not None
            assert near.count("resume_writing") == 1
            transport.write(b"secret")
            assert await peer == b"secret"
            transport.abort()
            await near.lost()

    run(main())


def test_a_writer_of_streams_upgrades_twice(authority: Authority) -> None:
    """TLS in TLS with ``StreamWriter.start_tls``, as through a proxy that is spoken to in TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"once\n", b"twice\n"):
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(answer)
            await writer.start_tls(authority.server())
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(serve, HOST, 0)
        reader, writer = await asyncio.open_connection(*address_of(server))
        for answer in (b"once\n", b"twice\n"):
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == answer
            await writer.start_tls(authority.client(), server_hostname=HOST)
        data = os.urandom(500_000)
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main())


# -- files -----------------------------------------------------------------------------------------------------------


def test_sendfile_over_tls_sends_the_part_that_was_asked_for(authority: Authority, tmp_path: Path) -> None:
    content = os.urandom(400_000)
    (tmp_path / "file").write_bytes(content)

    async def main() -> None:
        loop, far = get_running_loop(), Recorder()
        async with serving(lambda: far, authority.server()) as server:
            transport, near = await loop.create_connection(Recorder, *address_of(server), ssl=authority.client())
            with (tmp_path / "file").open("rb") as file:
                transport.write(b"head")
                assert await loop.sendfile(transport, file, 1000, 300_000) == 300_000
                assert file.tell() == 301_000
                transport.write(b"tail")
                await far.received(300_008)
                assert far.data == b"head" + content[1000:301_000] + b"tail"
                with pytest.raises(RuntimeError, match="fallback is disabled"):
                    await loop.sendfile(transport, file, fallback=False)
                assert transport.get_protocol() is near
            transport.close()
            await near.lost()
            with (tmp_path / "file").open("rb") as file, pytest.raises(RuntimeError, match="Transport is closing"):
                await loop.sendfile(transport, file)
            await far.lost()

    run(main())


def test_sendfile_to_a_peer_that_leaves_raises(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20_000_000))

    async def main() -> None:
        loop = get_running_loop()
        far = Recorder(data_received=lambda data: far.transport.abort())
        async with serving(lambda: far, authority.server()) as server:
            transport, near = await loop.create_connection(Recorder, *address_of(server), ssl=authority.client())
            with (tmp_path / "file").open("rb") as file, pytest.raises(ConnectionError):
                await loop.sendfile(transport, file)
            await near.lost()

    run(main())


def read_until_eof_or_reset(sock: socket.socket) -> bytes:
    try:
        return read_until_eof(sock)
    except ConnectionResetError:  # aborted with something unread
        return b""


# -- the end of a server ---------------------------------------------------------------------------------------------


def test_close_clients_sends_what_was_written_and_says_farewell(authority: Authority) -> None:
    async def main() -> None:
        served: list[Recorder] = []

        def factory() -> Recorder:
            served.append(Recorder(connection_made=lambda transport: transport.write(b"welcome")))
            return served[-1]

        loop = get_running_loop()
        server: Any = await loop.create_server(factory, HOST, 0, ssl=authority.server())
        client = authority.client()
        clients = [(await loop.create_connection(Recorder, *address_of(server), ssl=client))[1] for _ in range(3)]
        for far in served:
            await far.called("connection_made")
            far.transport.write(b", and goodbye")
        server.close()
        server.close_clients()
        await server.wait_closed()
        for near in clients:
            assert await near.lost() is None
            assert near.data == b"welcome, and goodbye"
            assert near.transport.get_extra_info("close_notify") is True
        assert [far.error for far in served] == [None] * 3

    run(main())


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00"], ids=["silent", "begun"])
@pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
def test_a_handshake_that_has_only_begun_ends_with_the_clients_and_is_not_reported(
    authority: Authority, said: bytes, end: str
) -> None:
    async def main() -> None:
        server = await get_running_loop().create_server(Echo, HOST, 0, ssl=authority.server())
        with socket.create_connection(address_of(server)) as sock:
            sock.settimeout(TIMEOUT)
            sock.sendall(said)
            _, other = await get_running_loop().create_connection(
                Recorder, *address_of(server), ssl=authority.client()
            )  # accepted later than the one that is silent
            server.close()
            getattr(server, end)()
            assert await in_thread(read_until_eof_or_reset, sock) == b""
            await other.lost()
        await server.wait_closed()

    run(main())


def test_abort_clients_ends_at_once(authority: Authority) -> None:
    async def main() -> None:
        far = Recorder(connection_made=lambda transport: transport.write(bytes(20_000_000)))
        loop = get_running_loop()
        server: Any = await loop.create_server(lambda: far, HOST, 0, ssl=authority.server())
        transport, near = await loop.create_connection(Recorder, *address_of(server), ssl=authority.client())
        transport.pause_reading()
        await far.called("connection_made")
        server.close()
        server.abort_clients()
        await server.wait_closed()
        assert await far.lost() is None
        transport.resume_reading()
        await near.lost()
        assert near.transport.get_extra_info("close_notify") is False
        assert len(near.data) < 20_000_000

    run(main())


# -- interruptions ---------------------------------------------------------------------------------------------------


def test_a_connect_that_is_cancelled_in_the_handshake_leaves_nothing(authority: Authority) -> None:
    async def main() -> None:
        protocol = Recorder()
        with listening() as listener:
            task = asyncio.create_task(
                get_running_loop().create_connection(
                    lambda: protocol, *listener.getsockname(), ssl=authority.client(), server_hostname=HOST
                )
            )
            sock, _ = await in_thread(listener.accept)
            with sock:
                sock.settimeout(TIMEOUT)
                assert (await in_thread(sock.recv, 1)) == b"\x16"
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await in_thread(read_until_eof, sock)
        assert protocol.names() == []

    run(main())


def test_a_connect_that_is_cancelled_at_every_step_leaves_nothing(authority: Authority) -> None:
    """The server answers; how many turns of the loop go by before the cancellation is what differs."""

    async def main() -> None:
        server_side: list[Recorder] = []

        def factory() -> Recorder:
            server_side.append(Recorder())
            return server_side[-1]

        reports: list[Any] = []
        loop = get_running_loop()
        loop.set_exception_handler(lambda _, report: reports.append(report))
        done = 0
        async with serving(factory, authority.server()) as server:
            client = authority.client()
            for turns in range(40):
                protocol = Recorder()
                task = asyncio.create_task(
                    loop.create_connection(lambda: protocol, *address_of(server), ssl=client)  # noqa: B023
                )
                for _ in range(turns):
                    await asyncio.sleep(0.0005 if turns > 8 else 0)
                task.cancel()
                try:
                    transport, _ = await task
                except asyncio.CancelledError:
                    assert protocol.names() in ([], ["connection_made", "connection_lost"], ["connection_made"])
                    if protocol.count("connection_made"):
                        await protocol.lost()
                else:
                    done += 1
                    transport.abort()
                    await protocol.lost()
            assert done
        assert all(str(report["exception"]) for report in reports)
        assert {report["message"].partition(" with ")[0] for report in reports} <= {"SSL handshake failed"}

    run(main())


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_loop_that_is_closed_in_the_middle_of_a_handshake_leaves_nothing(authority: Authority, side: str) -> None:
    loop = loop_selector.new_event_loop()
    with listening() as listener:
        if side == "client":
            connecting = loop.create_connection(
                Recorder, *listener.getsockname(), ssl=authority.client(), server_hostname=HOST
            )
            task = loop.create_task(connecting)
            sock, _ = loop.run_until_complete(loop.run_in_executor(None, listener.accept))
        else:
            server = loop.run_until_complete(loop.create_server(Echo, HOST, 0, ssl=authority.server()))
            task = None
            sock = socket.create_connection(address_of(server))
            sock.sendall(b"\x16\x03\x01\x02\x00")
            loop.run_until_complete(until_connected(server))
        with sock:
            if task is not None:
                sock.settimeout(TIMEOUT)
                loop.run_until_complete(loop.run_in_executor(None, sock.recv, 1))
                task.cancel()  # as asyncio.run() does; the loop gets one more chance, and no more
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            del task
            if side == "server":
                del server
            gc.collect()
            read_until_eof(sock)


async def until_connected(server: Any) -> None:
    """Wait until a server has accepted a connection, by being accepted later."""
    _, writer = await asyncio.open_connection(*address_of(server))
    writer.close()
    await writer.wait_closed()
    assert "connections=" in repr(server)
