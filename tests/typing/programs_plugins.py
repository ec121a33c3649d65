"""Programs of people who write transports, right and wrong, where transport-abc alone is installed."""

# ruff: noqa: E501
from __future__ import annotations

RIGHT: dict[str, str] = {}
WRONG: dict[str, str] = {}

RIGHT["plugin_of_every_kind"] = """
import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from transport_abc import (
    API_VERSION,
    BaseProtocol,
    DatagramPlugin,
    DatagramTransport,
    PipePlugin,
    Plugin,
    ProcessPlugin,
    ReadTransport,
    StreamPlugin,
    SubprocessTransport,
    Transport,
    TransportLoop,
    WrapperPlugin,
    WrapperTransport,
    WriteTransport,
)

P = TypeVar("P", bound=BaseProtocol | asyncio.BaseProtocol)
Factory = Callable[[], P]


class Streams(StreamPlugin):
    api_version = 1

    async def connect(self, loop: TransportLoop, protocol_factory: Factory[P], *args: Any, **options: Any) -> tuple[Transport, P]:
        raise ConnectionRefusedError


class Datagrams(DatagramPlugin):
    api_version = 1

    async def open(self, loop: TransportLoop, protocol_factory: Factory[P], *args: Any, **options: Any) -> tuple[DatagramTransport, P]:
        raise NotImplementedError


class Wrapping(WrapperPlugin):
    api_version = 1

    def wrap(self, loop: TransportLoop, protocol: Any, *args: Any, **options: Any) -> WrapperTransport:
        return WrapperTransport(loop, protocol)


class Pipes(PipePlugin):
    api_version = 1

    async def connect_read(self, loop: TransportLoop, protocol_factory: Factory[P], pipe: Any, **options: Any) -> tuple[ReadTransport, P]:
        raise NotImplementedError

    async def connect_write(self, loop: TransportLoop, protocol_factory: Factory[P], pipe: Any, **options: Any) -> tuple[WriteTransport, P]:
        raise NotImplementedError


class Processes(ProcessPlugin):
    api_version = 1

    async def spawn(self, loop: TransportLoop, protocol_factory: Factory[P], args: Any, **options: Any) -> tuple[SubprocessTransport, P]:
        raise NotImplementedError


plugins: list[Plugin] = [Streams(), Datagrams(), Wrapping(), Pipes(), Processes()]
assert all(plugin.api_version == API_VERSION for plugin in plugins)
"""

RIGHT["plugin_with_options_of_its_own"] = """
import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from transport_abc import BaseProtocol, StreamPlugin, Transport, TransportLoop

P = TypeVar("P", bound=BaseProtocol | asyncio.BaseProtocol)


class Serial(StreamPlugin):
    api_version = 1

    async def connect(
        self, loop: TransportLoop, protocol_factory: Callable[[], P], *args: Any, baudrate: int = 9600, **options: Any
    ) -> tuple[Transport, P]:
        print("at", baudrate, "baud")
        raise NotImplementedError
"""

RIGHT["what_a_transport_asks_of_a_loop"] = """
import asyncio
import contextvars
from typing import assert_type

from transport_abc import TransportLoop


def use(loop: TransportLoop, fd: int) -> None:
    context = contextvars.copy_context()
    assert_type(loop.call_soon(print, "now", context=context), asyncio.Handle)
    assert_type(loop.call_later(1.5, print, "later"), asyncio.TimerHandle)
    assert_type(loop.time(), float)
    loop.add_reader(fd, print)
    assert_type(loop.remove_reader(fd), bool)
    loop.call_exception_handler({"message": "it went wrong"})


def pass_on(loop: asyncio.AbstractEventLoop) -> None:
    use(loop, 0)
"""

RIGHT["checks_of_a_transport"] = """
from transport_abc.testing import Recorder, matrix, stream_checks

protocol = Recorder()
print([str(check) for check in stream_checks()], matrix({}), protocol)
"""

WRONG["plugin_that_returns_something_else"] = """
import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from transport_abc import BaseProtocol, DatagramPlugin, StreamPlugin, Transport, TransportLoop

P = TypeVar("P", bound=BaseProtocol | asyncio.BaseProtocol)


class NoProtocol(StreamPlugin):
    api_version = 1

    async def connect(self, loop: TransportLoop, protocol_factory: Callable[[], P], *args: Any, **options: Any) -> Transport:  # mypy: override, pyright: reportIncompatibleMethodOverride
        raise NotImplementedError


class NoCoroutine(DatagramPlugin):
    api_version = 1

    def open(self, loop: TransportLoop, protocol_factory: Callable[[], P], *args: Any, **options: Any) -> tuple[Transport, P]:  # mypy: override, pyright: reportIncompatibleMethodOverride
        raise NotImplementedError
"""

WRONG["plugin_of_another_interface"] = """
from transport_abc import PipePlugin, Plugin, ProcessPlugin, WrapperPlugin


class Reading(PipePlugin):
    api_version = 1


class Wrapping(WrapperPlugin):
    version = 1


Reading()  # mypy: abstract, pyright: reportAbstractUsage
ProcessPlugin()  # mypy: abstract, pyright: reportAbstractUsage
plugin: Plugin = Wrapping  # mypy: assignment, pyright: reportAssignmentType
"""

WRONG["asking_more_of_a_loop_than_every_loop_has"] = """
from transport_abc import TransportLoop


def use(loop: TransportLoop) -> None:
    loop.plugin("tcp")  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    loop._ready.clear()  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    loop.call_later("soon", print)  # mypy: arg-type, pyright: reportArgumentType
    loop.add_reader(0)  # mypy: call-arg, pyright: reportCallIssue
"""

WRONG["no_loop"] = """
from transport_abc import DescriptorTransport, Protocol, TransportLoop


class Loop:
    def call_soon(self) -> None: ...


def make(loop: TransportLoop) -> None: ...


make(Loop())  # mypy: arg-type, pyright: reportArgumentType
DescriptorTransport(Loop(), Protocol(), 0)  # mypy: arg-type, pyright: reportArgumentType
"""
