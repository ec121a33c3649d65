"""Programs of people who run protocols, right and wrong, where transport-abc and loop-selector are installed."""

from __future__ import annotations

RIGHT: dict[str, str] = {}
WRONG: dict[str, str] = {}

RIGHT["running"] = """
import asyncio
from typing import assert_type

import loop_selector


async def main() -> int:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, loop_selector.SelectorEventLoop)
    return 42


assert_type(loop_selector.run(main()), int)
assert_type(loop_selector.run(main(), debug=True), int)
with asyncio.Runner(loop_factory=loop_selector.new_event_loop) as runner:
    assert_type(runner.run(main()), int)
loop = loop_selector.new_event_loop()
assert_type(loop, loop_selector.SelectorEventLoop)
assert_type(loop.run_until_complete(main()), int)
loop.close()
anybodys: asyncio.AbstractEventLoop = loop
"""

RIGHT["methods_of_the_loop"] = """
import asyncio
import signal
import ssl
from typing import assert_type

from loop_selector import SelectorEventLoop
from transport_abc import (
    DatagramProtocol,
    DatagramTransport,
    Protocol,
    ReadTransport,
    SubprocessProtocol,
    SubprocessTransport,
    Transport,
    WriteTransport,
)


class Client(Protocol):
    name = ""


class Endpoint(DatagramProtocol): ...


class Child(SubprocessProtocol): ...


async def use(loop: SelectorEventLoop, context: ssl.SSLContext) -> None:
    transport, client = await loop.create_connection(Client, "localhost", 1, ssl=context)
    assert_type(transport, Transport)
    assert_type(client, Client)
    _, other = await loop.create_unix_connection(lambda: Client(), "/a/path")
    assert_type(other, Client)
    endpoint, protocol = await loop.create_datagram_endpoint(Endpoint, ("localhost", 1))
    assert_type(endpoint, DatagramTransport)
    assert_type(protocol, Endpoint)
    process, child = await loop.subprocess_exec(Child, "ls", "-l")
    assert_type(process, SubprocessTransport)
    assert_type(child, Child)
    reading, _ = await loop.connect_read_pipe(Client, open(0))
    assert_type(reading, ReadTransport)
    writing, _ = await loop.connect_write_pipe(Client, open(1))
    assert_type(writing, WriteTransport)
    assert_type(await loop.start_tls(transport, client, context), Transport | None)
    assert_type(await loop.run_in_executor(None, len, "text"), int)
    assert_type(loop.call_later(1, print), asyncio.TimerHandle)
    loop.add_signal_handler(signal.SIGTERM, loop.stop)
    assert_type(loop.create_task(asyncio.sleep(1, "done")), asyncio.Task[str])
    async with await loop.create_server(Client, "localhost", 1) as server:
        await server.serve_forever()
"""

RIGHT["transports_that_are_missing"] = """
from typing import assert_type

import loop_selector
from transport_abc import StreamPlugin


async def connect(loop: loop_selector.SelectorEventLoop) -> None:
    try:
        assert_type(loop.plugin("tcp", StreamPlugin), StreamPlugin)
    except loop_selector.MissingTransportError as exc:
        assert_type(exc.kind, str)
        assert_type(exc.distribution, str | None)
    except loop_selector.PluginError as exc:
        print(exc)
"""

RIGHT["transports_that_are_given"] = """
import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from loop_selector import EpollPoller, SelectorEventLoop, SelectPoller
from transport_abc import BaseProtocol, StreamPlugin, Transport, TransportLoop

P = TypeVar("P", bound=BaseProtocol | asyncio.BaseProtocol)


class Streams(StreamPlugin):
    name = "memory"
    api_version = 1

    async def connect(
        self, loop: TransportLoop, protocol_factory: Callable[[], P], *args: Any, **options: Any
    ) -> tuple[Transport, P]:
        raise NotImplementedError


SelectorEventLoop(transports=[Streams])
SelectorEventLoop(transports={"tcp": Streams()}, poller=EpollPoller)
SelectorEventLoop(poller=SelectPoller)


class Mine(SelectorEventLoop): ...


Mine().close()
"""

RIGHT["stock_asyncio_beside_it"] = """
import asyncio
from typing import assert_type

import loop_selector
from transport_abc import Protocol, Transport, get_running_loop


class Echo(Protocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def main() -> None:
    server = await get_running_loop().create_server(Echo, "localhost", 1)
    assert_type(server, asyncio.Server)
    await server.serve_forever()


asyncio.run(main())
loop_selector.run(main())
"""

WRONG["running_what_cannot_run"] = """
import asyncio

import loop_selector


async def main() -> int:
    return 42


loop_selector.run(main)  # mypy: arg-type, pyright: reportArgumentType
text: str = loop_selector.run(main())  # mypy: assignment, pyright: reportAssignmentType
loop_selector.run(main(), debgu=True)  # mypy: call-arg, pyright: reportCallIssue
asyncio.Runner(loop_factory=loop_selector.run)  # mypy: arg-type, pyright: reportArgumentType
"""

WRONG["protocols_of_another_kind_on_the_loop"] = """
from loop_selector import SelectorEventLoop
from transport_abc import DatagramProtocol, Protocol


async def use(loop: SelectorEventLoop) -> None:
    await loop.create_connection(DatagramProtocol, "localhost", 1)  # mypy: type-var, pyright: reportArgumentType
    await loop.create_datagram_endpoint(Protocol, ("localhost", 1))  # mypy: type-var, pyright: reportArgumentType
    await loop.subprocess_exec(Protocol, "ls")  # mypy: type-var, pyright: reportArgumentType
    _, protocol = await loop.create_connection(Protocol, "localhost", 1)
    protocol.name  # mypy: attr-defined, pyright: reportAttributeAccessIssue
"""

WRONG["plugins_of_another_kind"] = """
from loop_selector import SelectorEventLoop
from transport_abc import StreamPlugin


async def use(loop: SelectorEventLoop) -> None:
    plugin = loop.plugin("tcp", StreamPlugin)
    plugin.open(loop, print)  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    loop.plugin("tcp")  # mypy: call-arg, pyright: reportCallIssue
    SelectorEventLoop(transport=[])  # mypy: call-arg, pyright: reportCallIssue
"""
