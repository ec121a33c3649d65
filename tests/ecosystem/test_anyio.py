"""anyio on the loop: `backend_options={"loop_factory": ...}`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from loop_selector import new_event_loop
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library
from tests.support import Certificates

anyio = library("anyio")
tls = library("anyio.streams.tls")


def run(function: Any) -> Any:
    return anyio.run(function, backend="asyncio", backend_options={"loop_factory": new_event_loop})


async def echo(stream: Any) -> None:
    async with stream:
        async for block in stream:
            await stream.send(block)


async def exchange(stream: Any) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(stream.send, PAYLOAD)
        received = b""
        while len(received) < len(PAYLOAD):
            received += await stream.receive()
    assert received == PAYLOAD


def test_tcp_streams_echo_and_are_cancelled_with_their_group() -> None:
    async def main() -> None:
        assert_on_our_loop()
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            port = listener.extra(anyio.abc.SocketAttribute.local_port)
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await exchange(stream)
            group.cancel_scope.cancel()

    run(main)


def test_tls_streams_echo(certificates: Certificates) -> None:
    async def main() -> None:
        tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with tls.TLSListener(tcp, certificates.server) as listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            port = tcp.extra(anyio.abc.SocketAttribute.local_port)
            async with await anyio.connect_tcp("localhost", port, ssl_context=certificates.client) as stream:
                await exchange(stream)
            group.cancel_scope.cancel()

    run(main)


def test_unix_streams_and_datagrams(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "anyio.sock")
        async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            async with await anyio.connect_unix(path) as stream:
                await exchange(stream)
            group.cancel_scope.cancel()
        async with await anyio.create_udp_socket(local_host="127.0.0.1") as one:
            port = one.extra(anyio.abc.SocketAttribute.local_port)
            async with await anyio.create_connected_udp_socket("127.0.0.1", port) as two:
                await two.send(b"ping")
                data, (host, back) = await one.receive()
                await one.sendto(data + b" pong", host, back)
                assert await two.receive() == b"ping pong"

    run(main)


def test_processes_threads_signals_and_deadlines() -> None:
    async def main() -> None:
        done = await anyio.run_process(["cat"], input=PAYLOAD)
        assert done.stdout == PAYLOAD
        assert await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(lambda: 7)) == 7
        with anyio.open_signal_receiver(signal.SIGUSR1) as signals:
            signal.raise_signal(signal.SIGUSR1)
            async for number in signals:
                assert number == signal.SIGUSR1
                break
        with pytest.raises(TimeoutError), anyio.fail_after(0.01):
            await anyio.sleep_forever()

    run(main)
