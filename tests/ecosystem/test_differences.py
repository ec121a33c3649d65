"""What the page "Coming from asyncio or uvloop" says of both loops, asked of both."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from loop_selector import SelectorEventLoop, new_event_loop
from tests.ecosystem.support import library
from tests.support import Certificates

uvloop = library("uvloop")

Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize("factory", [new_event_loop, asyncio.new_event_loop], ids=["ours", "asyncio"])
WITH_UVLOOP = pytest.mark.parametrize("name", ["ours", "asyncio", "uvloop"])
FACTORIES: dict[str, Loop] = {
    "ours": new_event_loop,
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
VARIABLE = contextvars.ContextVar("VARIABLE", default="the connection's")


def run(factory: Loop, main: Coroutine[Any, Any, Any]) -> list[str]:
    """Run a coroutine and give what was reported to the loop's exception handler."""
    reports: list[str] = []
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: reports.append(context["message"]))
        runner.run(main)
    return reports


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


@LOOPS
def test_the_context_of_a_callback_after_reading_was_resumed_by_another_task(factory: Loop) -> None:
    seen: list[str] = []

    class Paused(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            made.put_nowait(transport)

        def data_received(self, data: bytes) -> None:
            seen.append(VARIABLE.get())
            received.set()

    async def resume(transport: asyncio.Transport) -> None:
        VARIABLE.set("another task's")
        transport.resume_reading()

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Paused, "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            await asyncio.create_task(resume(await made.get()))
            await received.wait()
            await close(writer)

    made: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
    received = asyncio.Event()
    run(factory, main())
    assert seen == ["the connection's" if factory is new_event_loop else "another task's"]


@LOOPS
def test_changing_a_bytearray_after_it_was_written(factory: Loop) -> None:
    changed: list[int] = []

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await written.wait()
            changed.append((await reader.read()).count(b"z"))
            await close(writer)
            done.set()

        written, done = asyncio.Event(), asyncio.Event()
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            data = bytearray(b"a" * 16_000_000)
            writer.write(data)
            data[:] = b"z" * len(data)
            writer.write_eof()
            written.set()
            await done.wait()
            await close(writer)

    run(factory, main())
    assert (changed[0] > 0) == (factory is not new_event_loop and sys.version_info >= (3, 12))


@LOOPS
def test_a_server_reports_a_handshake_that_failed(certificates: Certificates, factory: Loop) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"later"
        await close(writer)
        done.set()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificates.server) as server:
            address = server.sockets[0].getsockname()
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(*address, ssl=ssl.create_default_context(), server_hostname="localhost")
            _, writer = await asyncio.open_connection(*address, ssl=certificates.client)
            writer.write(b"later")
            await close(writer)
            await done.wait()  # a connection that was made later has ended: the one that failed has, too

    done = asyncio.Event()
    reports = [report.partition(" with ")[0] for report in run(factory, main())]
    assert reports == (["SSL handshake failed"] if factory is new_event_loop else [])


@LOOPS
def test_start_tls_with_a_context_that_checks_names_and_no_name(certificates: Certificates, factory: Loop) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(certificates.server)
        await reader.read()
        await close(writer)

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            protocol = asyncio.Protocol()
            loop = asyncio.get_running_loop()
            try:
                upgraded = await loop.start_tls(writer.transport, protocol, certificates.client)
                assert upgraded is not None
                upgraded.close()
            finally:
                writer.transport.abort()

    if factory is new_event_loop:
        with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
            run(factory, main())
    else:
        run(factory, main())


def test_the_loop_is_no_subclass_of_asyncios() -> None:
    assert not issubclass(SelectorEventLoop, asyncio.BaseEventLoop)


@LOOPS
def test_a_server_removes_its_unix_socket(tmp_path: Path, factory: Loop) -> None:
    path = tmp_path / "server.sock"

    async def main() -> None:
        server = await asyncio.start_unix_server(lambda *_: None, str(path))
        assert path.exists()
        server.close()
        await server.wait_closed()

    run(factory, main())
    assert path.exists() == (factory is not new_event_loop and sys.version_info < (3, 13))


@LOOPS
def test_a_connection_made_that_raises(factory: Loop) -> None:
    class Raises(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            1 / 0  # noqa: B018

        def data_received(self, data: bytes) -> None:
            goes_on.set()

        def connection_lost(self, exc: Exception | None) -> None:
            ended.append(exc)
            lost.set()

    async def main() -> None:
        async with await asyncio.get_running_loop().create_server(Raises, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            if factory is not new_event_loop:
                writer.write(b"x")
                await goes_on.wait()
                writer.close()
            await lost.wait()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    ended: list[Exception | None] = []
    goes_on, lost = asyncio.Event(), asyncio.Event()
    assert len(run(factory, main())) == 1
    assert [type(exc) for exc in ended] == [ZeroDivisionError if factory is new_event_loop else type(None)]


@LOOPS
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # what becomes of the connection on asyncio
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_protocol_factory_that_raises(factory: Loop) -> None:
    def make() -> asyncio.Protocol:
        raise ZeroDivisionError

    async def main() -> None:
        async with await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            await close(writer)

    assert len(run(factory, main())) == (1 if factory is new_event_loop else 0)


@WITH_UVLOOP
def test_a_datagram_to_a_host_name(name: str) -> None:
    received: list[bytes] = []

    class Receive(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            received.append(data)
            arrived.set()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        one, _ = await loop.create_datagram_endpoint(Receive, ("127.0.0.1", 0))
        two, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        port = one.get_extra_info("sockname")[1]
        if name == "asyncio":
            two.sendto(b"resolved", ("localhost", port))
            await arrived.wait()
        else:
            with pytest.raises(ValueError, match=r"host names have to be resolved before|DNS lookup"):
                two.sendto(b"resolved", ("localhost", port))
        one.close()
        two.close()
        await asyncio.sleep(0)

    arrived = asyncio.Event()
    run(FACTORIES[name], main())
    assert received == ([b"resolved"] if name == "asyncio" else [])


@WITH_UVLOOP
def test_a_tls_peer_that_never_answers_the_farewell(certificates: Certificates, name: str) -> None:
    class Closes(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"all")
            transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            ended.append(exc)
            lost.set()

    def connect(address: tuple[str, int]) -> ssl.SSLSocket:
        return certificates.client.wrap_socket(socket.create_connection(address, 20), server_hostname="localhost")

    async def main() -> None:
        options: dict[str, Any] = {"ssl": certificates.server, "ssl_shutdown_timeout": 0.1}
        async with await asyncio.get_running_loop().create_server(Closes, "127.0.0.1", 0, **options) as server:
            with await asyncio.to_thread(connect, server.sockets[0].getsockname()):
                await lost.wait()

    ended: list[Exception | None] = []
    lost = asyncio.Event()
    run(FACTORIES[name], main())
    assert [str(exc) for exc in ended] == ["None" if name == "ours" else "SSL shutdown timed out"]


@WITH_UVLOOP
def test_a_handler_for_sigchld(name: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        if name == "uvloop":
            with pytest.raises(RuntimeError, match="SIGCHLD"):
                loop.add_signal_handler(signal.SIGCHLD, print)
        else:
            loop.add_signal_handler(signal.SIGCHLD, print)
            assert loop.remove_signal_handler(signal.SIGCHLD)

    run(FACTORIES[name], main())


@pytest.mark.parametrize("name", ["ours", "uvloop"])  # on asyncio the wait would not end
def test_a_socket_that_is_closed_while_sock_recv_waits(name: str) -> None:
    async def main() -> None:
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            waiting = asyncio.create_task(asyncio.get_running_loop().sock_recv(near, 10))
            await asyncio.sleep(0)
            near.close()
            if name == "uvloop":
                far.send(b"late")
                assert await waiting == b"late"
            else:
                with pytest.raises(OSError, match="closed meanwhile"):
                    await waiting

    run(FACTORIES[name], main())


@WITH_UVLOOP
def test_replacing_a_method_of_a_transport(name: str) -> None:
    async def main() -> None:
        made = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        transport: Any = made[0]
        if name == "uvloop":
            with pytest.raises(AttributeError):
                transport.sendto = print
        else:
            transport.sendto = print
            assert transport.sendto is print
        transport.close()
        await asyncio.sleep(0)

    run(FACTORIES[name], main())
