"""Plug-ins that note how they were called, and the least that can be a transport."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from transport_abc import (
    API_VERSION,
    DatagramPlugin,
    PipePlugin,
    ProcessPlugin,
    StreamPlugin,
    WrapperPlugin,
)


class Noting:
    """Notes the calls of its methods; ``None`` stands for "not called yet"."""

    api_version: ClassVar[int] = API_VERSION

    def __init__(self) -> None:
        self.called: tuple[str, tuple[Any, ...], dict[str, Any]] | None = None

    def note(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.called = (name, args, options)


class FakeServer:
    """A server that serves nothing."""


class Streams(Noting, StreamPlugin):
    """Hands the protocol that the factory makes a transport that does nothing."""

    async def connect(self, loop: Any, protocol_factory: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
        self.note("connect", args, options)
        return self.made(protocol_factory)

    async def listen(self, loop: Any, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        self.note("listen", args, options)
        self.factory = protocol_factory
        return FakeServer()

    async def adopt(self, loop: Any, protocol_factory: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
        self.note("adopt", args, options)
        return self.made(protocol_factory)

    def made(self, protocol_factory: Any) -> tuple[Any, Any]:
        protocol = protocol_factory()
        transport = asyncio.Transport()
        protocol.connection_made(transport)
        return transport, protocol


class Wrapper(asyncio.Protocol):
    """Both sides of a wrapper, as far as the loop is concerned."""

    def __init__(self, protocol: Any, error: Exception | None) -> None:
        self.protocol = protocol
        self.error = error
        self.aborted = False

    async def wait_ready(self) -> None:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error

    def abort(self) -> None:
        self.aborted = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Wrapping(Noting, WrapperPlugin):
    """Wraps protocols, and fails if it was told to."""

    error: Exception | None = None
    wrapper: Wrapper

    def wrap(self, loop: Any, protocol: Any, **options: Any) -> Any:
        self.note("wrap", (protocol,), options)
        self.wrapper = Wrapper(protocol, self.error)
        return self.wrapper

    async def upgrade(self, loop: Any, transport: Any, protocol: Any, **options: Any) -> Any:
        self.note("upgrade", (transport, protocol), options)
        return "upgraded"


class Datagrams(Noting, DatagramPlugin):
    """Opens nothing."""

    async def open(self, loop: Any, protocol_factory: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
        self.note("open", args, options)
        return asyncio.DatagramTransport(), protocol_factory()


class Pipes(Noting, PipePlugin):
    """Connects nothing."""

    async def connect_read(self, loop: Any, protocol_factory: Any, pipe: Any, **options: Any) -> tuple[Any, Any]:
        self.note("connect_read", (pipe,), options)
        return asyncio.ReadTransport(), protocol_factory()

    async def connect_write(self, loop: Any, protocol_factory: Any, pipe: Any, **options: Any) -> tuple[Any, Any]:
        self.note("connect_write", (pipe,), options)
        return asyncio.WriteTransport(), protocol_factory()


class Processes(Noting, ProcessPlugin):
    """Starts nothing."""

    async def spawn(self, loop: Any, protocol_factory: Any, args: Any, **options: Any) -> tuple[Any, Any]:
        self.note("spawn", (args,), options)
        return asyncio.SubprocessTransport(), protocol_factory()
