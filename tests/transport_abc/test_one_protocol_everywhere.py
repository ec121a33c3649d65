"""One protocol class, unchanged, on asyncio's loop, on uvloop's and on ours, against itself on any other."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from typing import TYPE_CHECKING, Any

import pytest

from transport_abc import BufferedProtocol, DatagramProtocol, DatagramTransport, Protocol, Transport, get_running_loop

if TYPE_CHECKING:
    from collections.abc import Callable


def uvloop_loop() -> Any:
    import uvloop

    return uvloop.new_event_loop()


def our_loop() -> Any:
    import loop_selector

    return loop_selector.new_event_loop()


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)} not installed")


LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(uvloop_loop, id="uvloop", marks=needs("uvloop")),
    pytest.param(our_loop, id="loop_selector", marks=needs("loop_selector", "transport_socket")),
]


class Echo(Protocol):
    """Send back what comes, and the end of it."""

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def eof_received(self) -> None:
        self.transport.write_eof()


class Question(BufferedProtocol):
    """Ask, and keep the answer."""

    def __init__(self) -> None:
        self.answer = b""
        self.buffer = bytearray(10)
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        transport.writelines([b"a question ", bytearray(b"of some"), memoryview(b" length")])
        transport.write_eof()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.answer += self.buffer[:nbytes]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


async def serve(ready: Callable[[int], None], leave: asyncio.Event) -> None:
    server = await get_running_loop().create_server(Echo, "127.0.0.1", 0)
    ready(server.sockets[0].getsockname()[1])
    await leave.wait()
    server.close()
    await server.wait_closed()


async def ask(port: int) -> bytes:
    transport, question = await get_running_loop().create_connection(Question, "127.0.0.1", port)
    assert transport.get_protocol() is question
    assert await question.lost is None
    return question.answer


class Running:
    """A server on a loop of its own, in a thread."""

    def __init__(self, loop_factory: Callable[[], Any]) -> None:
        self._factory = loop_factory
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._factory) as runner:
            self._loop, self._leave = runner.get_loop(), asyncio.Event()
            runner.run(serve(self._started, self._leave))

    def _started(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def __enter__(self) -> int:
        self._thread.start()
        assert self._ready.wait(20)
        return self.port

    def __exit__(self, *args: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()


@pytest.mark.parametrize("client_loop", LOOPS)
@pytest.mark.parametrize("server_loop", LOOPS)
def test_stream_protocols_talk_across_loops(server_loop: Callable[[], Any], client_loop: Callable[[], Any]) -> None:
    with Running(server_loop) as port, asyncio.Runner(loop_factory=client_loop) as runner:
        assert runner.run(ask(port)) == b"a question of some length"


class Pong(DatagramProtocol):
    """Answer each datagram."""

    def connection_made(self, transport: DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(b"pong: " + data, addr)


class Ping(DatagramProtocol):
    """Wait for one datagram."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: DatagramTransport) -> None:
        transport.sendto(b"ping")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.answer.set_result(data)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_datagram_protocols_talk_on_every_loop(loop_factory: Callable[[], Any]) -> None:
    async def main() -> bytes:
        loop = get_running_loop()
        pong, _ = await loop.create_datagram_endpoint(Pong, local_addr=("127.0.0.1", 0))
        ping, protocol = await loop.create_datagram_endpoint(Ping, remote_addr=pong.get_extra_info("sockname"))
        answer = await protocol.answer
        ping.close()
        pong.close()
        await asyncio.sleep(0)
        return answer

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(main()) == b"pong: ping"
