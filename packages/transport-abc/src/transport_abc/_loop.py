"""The loop, seen from two sides: what a transport may ask of it, and what a user's program calls.

:class:`TransportLoop` is the subset of asyncio's event loop on which transports are built. :class:`EventLoop` is
asyncio's event loop with precise types: ``create_connection`` and its relatives return the transport classes of this
package together with the very protocol class that the factory made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    import socket
    import ssl as ssl_module
    import subprocess
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from contextvars import Context
    from typing import IO, TypeAlias

    from transport_abc._protocols import BaseProtocol, BufferedProtocol, DatagramProtocol, SubprocessProtocol
    from transport_abc._protocols import Protocol as StreamProtocol
    from transport_abc._transports import (
        DatagramTransport,
        ReadTransport,
        SubprocessTransport,
        Transport,
        WriteTransport,
    )

    _T = TypeVar("_T")
    _Stream = TypeVar("_Stream", bound=StreamProtocol | BufferedProtocol | asyncio.BaseProtocol)
    _Datagram = TypeVar("_Datagram", bound=DatagramProtocol | asyncio.BaseProtocol)
    _Process = TypeVar("_Process", bound=SubprocessProtocol | asyncio.BaseProtocol)
    _Pipe = TypeVar("_Pipe", bound=BaseProtocol | asyncio.BaseProtocol)
    _SSL: TypeAlias = bool | ssl_module.SSLContext | None
    _File: TypeAlias = int | IO[Any] | None

__all__ = ["EventLoop", "TransportLoop", "get_running_loop", "typed"]


class TransportLoop(Protocol):
    """Name everything that a transport may ask of a loop; every asyncio loop has it.

    Source of the behaviour of each method: Python documentation, "Event Loop".
    """

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Call a function in the next iteration of the loop."""
        ...

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call a function soon, from any thread."""
        ...

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function after a delay in seconds."""
        ...

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function at a time of the loop's clock, in seconds."""
        ...

    def time(self) -> float:
        """Return the loop's clock, in seconds."""
        ...

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future of this loop."""
        ...

    def create_task(self, coro: Any, *, name: str | None = None) -> asyncio.Task[Any]:
        """Run a coroutine as a task."""
        ...

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error that no caller can be told of."""
        ...

    def get_debug(self) -> bool:
        """Return whether the loop runs in debug mode."""
        ...

    def is_closed(self) -> bool:
        """Return whether the loop was closed."""
        ...

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """Call a function whenever a descriptor is readable."""
        ...

    def remove_reader(self, fd: Any) -> bool:
        """Undo :meth:`add_reader`."""
        ...

    def add_writer(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """Call a function whenever a descriptor is writable."""
        ...

    def remove_writer(self, fd: Any) -> bool:
        """Undo :meth:`add_writer`."""
        ...

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a non-blocking socket."""
        ...

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[Any, Any, int, str, Any]]:
        """Resolve a name without blocking the loop."""
        ...

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Resolve an address without blocking the loop."""
        ...

    def run_in_executor(self, executor: Executor | None, func: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:
        """Call a blocking function in a thread."""
        ...


if TYPE_CHECKING:

    class EventLoop(asyncio.AbstractEventLoop):
        """asyncio's event loop with precise types for transports and protocols."""

        async def create_connection(
            self,
            protocol_factory: Callable[[], _Stream],
            host: str | bytes | None = None,
            port: int | str | bytes | None = None,
            *,
            ssl: _SSL = None,
            family: int = 0,
            proto: int = 0,
            flags: int = 0,
            sock: socket.socket | None = None,
            local_addr: tuple[str, int] | None = None,
            server_hostname: str | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            happy_eyeballs_delay: float | None = None,
            interleave: int | None = None,
            all_errors: bool = False,
        ) -> tuple[Transport, _Stream]: ...

        async def create_server(
            self,
            protocol_factory: Callable[[], StreamProtocol | BufferedProtocol | asyncio.BaseProtocol],
            host: str | bytes | Sequence[str | bytes] | None = None,
            port: int | str | bytes | None = None,
            *,
            family: int = 0,
            flags: int = 1,
            sock: socket.socket | None = None,
            backlog: int = 100,
            ssl: _SSL = None,
            reuse_address: bool | None = None,
            reuse_port: bool | None = None,
            keep_alive: bool | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            start_serving: bool = True,
        ) -> asyncio.Server: ...

        async def connect_accepted_socket(
            self,
            protocol_factory: Callable[[], _Stream],
            sock: socket.socket,
            *,
            ssl: _SSL = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
        ) -> tuple[Transport, _Stream]: ...

        async def create_unix_connection(
            self,
            protocol_factory: Callable[[], _Stream],
            path: str | bytes | Any | None = None,
            *,
            ssl: _SSL = None,
            sock: socket.socket | None = None,
            server_hostname: str | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
        ) -> tuple[Transport, _Stream]: ...

        async def create_unix_server(
            self,
            protocol_factory: Callable[[], StreamProtocol | BufferedProtocol | asyncio.BaseProtocol],
            path: str | bytes | Any | None = None,
            *,
            sock: socket.socket | None = None,
            backlog: int = 100,
            ssl: _SSL = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            start_serving: bool = True,
            cleanup_socket: bool = True,
        ) -> asyncio.Server: ...

        async def create_datagram_endpoint(  # type: ignore[override]  # without reuse_address
            self,
            protocol_factory: Callable[[], _Datagram],
            local_addr: tuple[str, int] | str | None = None,
            remote_addr: tuple[str, int] | str | None = None,
            *,
            family: int = 0,
            proto: int = 0,
            flags: int = 0,
            reuse_port: bool | None = None,
            allow_broadcast: bool | None = None,
            sock: socket.socket | None = None,
        ) -> tuple[DatagramTransport, _Datagram]: ...

        async def start_tls(
            self,
            transport: asyncio.BaseTransport,
            protocol: BaseProtocol | asyncio.BaseProtocol,
            sslcontext: ssl_module.SSLContext,
            *,
            server_side: bool = False,
            server_hostname: str | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
        ) -> Transport | None: ...

        async def connect_read_pipe(
            self, protocol_factory: Callable[[], _Pipe], pipe: Any
        ) -> tuple[ReadTransport, _Pipe]: ...

        async def connect_write_pipe(
            self, protocol_factory: Callable[[], _Pipe], pipe: Any
        ) -> tuple[WriteTransport, _Pipe]: ...

        async def subprocess_exec(  # pyright: ignore[reportIncompatibleMethodOverride]
            self,
            protocol_factory: Callable[[], _Process],
            program: Any,
            *args: Any,
            stdin: _File = subprocess.PIPE,
            stdout: _File = subprocess.PIPE,
            stderr: _File = subprocess.PIPE,
            **kwargs: Any,
        ) -> tuple[SubprocessTransport, _Process]: ...

        async def subprocess_shell(
            self,
            protocol_factory: Callable[[], _Process],
            cmd: bytes | str,
            *,
            stdin: _File = subprocess.PIPE,
            stdout: _File = subprocess.PIPE,
            stderr: _File = subprocess.PIPE,
            **kwargs: Any,
        ) -> tuple[SubprocessTransport, _Process]: ...

else:
    EventLoop = asyncio.AbstractEventLoop


def get_running_loop() -> EventLoop:
    """Return the running loop, whichever asyncio loop it is, with the precise types of :class:`EventLoop`.

    Raises:
        RuntimeError: if no loop is running in this thread.
    """
    return cast("EventLoop", asyncio.get_running_loop())


def typed(loop: asyncio.AbstractEventLoop) -> EventLoop:
    """Return the same loop with the precise types of :class:`EventLoop`."""
    return cast("EventLoop", loop)
