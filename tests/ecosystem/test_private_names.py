"""What libraries touch besides the documented names: it is there, and it works, for each of them by name."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import signal
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from loop_selector import SelectorEventLoop, run
from tests.support import Certificates

Use = Callable[[Any, Any], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
    await writer.wait_closed()


def with_connection(use: Use, certificates: Certificates | None = None) -> None:
    """Run a function with the transport of a connection that echoes, and the server."""
    contexts = (certificates.server, certificates.client) if certificates else (None, None)

    async def main() -> None:
        async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=contexts[0]) as server:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=contexts[1])
            await use(writer.transport, server)
            writer.close()
            await writer.wait_closed()

    run(main())


def test_a_tcp_transport_has_what_asyncios_start_tls_aiohttp_and_dask_read() -> None:
    async def use(transport: Any, server: Any) -> None:
        assert transport._start_tls_compatible is True  # asyncio, aiohttp
        assert transport._sock.fileno() == transport._sock_fd  # Dask
        assert server._ssl_context is None  # websockets' tests
        assert isinstance(transport, asyncio.Transport)  # Dask

    with_connection(use)


def test_a_tls_transport_has_what_aiohttp_reads(certificates: Certificates) -> None:
    async def use(transport: Any, server: Any) -> None:
        assert transport._ssl_protocol._sslcontext is certificates.client
        assert transport._sslcontext is certificates.client
        assert transport.get_extra_info("sslcontext") is certificates.client
        assert server._ssl_context is certificates.server  # websockets' tests

    with_connection(use, certificates)


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_methods_of_a_transport_can_be_replaced_as_the_tests_of_aiohttp_and_uvicorn_do(
    certificates: Certificates, tls: bool
) -> None:
    async def use(transport: Any, server: Any) -> None:
        written: list[bytes] = []
        transport.write = written.append
        transport.get_extra_info = lambda name, default=None: name  # websockets' tests
        transport.write(b"kept")
        assert (written, transport.get_extra_info("peername")) == ([b"kept"], "peername")
        del transport.write, transport.get_extra_info

    with_connection(use, certificates if tls else None)


def test_sendto_can_be_replaced_as_the_tests_of_aioquic_do() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        made = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        transport: Any = made[0]
        sent: list[bytes] = []
        transport.sendto = lambda data, addr=None: sent.append(data)
        transport.sendto(b"kept")
        assert sent == [b"kept"]
        transport.close()

    run(main())


def test_timers_follow_a_clock_that_is_replaced_as_the_tests_of_aiohttp_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        real = loop.time
        loop.call_at(real() + 3600, called.set)
        monkeypatch.setattr(loop, "time", lambda: real() + 7200)
        loop.call_later(0, lambda: None)  # something has to wake the loop
        await called.wait()

    run(main())


def test_asyncios_own_tls_works_over_a_tcp_transport_as_aiosmtpd_does_it(certificates: Certificates) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            made = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
            transport: Any = made[0]
            waiter = loop.create_future()
            protocol = asyncio.sslproto.SSLProtocol(
                loop, asyncio.Protocol(), certificates.client, waiter, False, "localhost"
            )
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            with pytest.raises(ssl.SSLError):  # an echo is no server's hello; the protocol then calls _force_close()
                await waiter
            assert transport.is_closing()

    run(main())


def test_a_loop_has_what_prompt_toolkit_anyio_and_pytest_asyncio_use() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        assert len(loop._ready) >= 0  # prompt_toolkit
        loop.add_signal_handler(signal.SIGUSR1, print, "argument")
        handle = loop._signal_handlers[signal.SIGUSR1]  # prompt_toolkit
        assert (handle._callback, handle._args) == (print, ("argument",))
        assert loop.remove_signal_handler(signal.SIGUSR1)
        task: Any = asyncio.current_task()
        callbacks = [callback for callback, _ in task._callbacks] if hasattr(task, "_callbacks") else []
        names = {callback.__name__ for callback in callbacks}
        assert "_run_until_complete_cb" in names  # anyio finds the root task by it
        loop.mark = "pytest-asyncio sets attributes"
        assert {loop: 1}[loop] == 1  # anyio keeps a WeakKeyDictionary of loops
        assert type(loop) is SelectorEventLoop

    run(main())


def test_a_process_has_the_wait_of_which_asyncios_process_makes_use() -> None:
    async def main() -> None:
        process: Any = await asyncio.create_subprocess_exec("true")
        assert await process._transport._wait() == 0
        assert await process.wait() == 0

    run(main())
