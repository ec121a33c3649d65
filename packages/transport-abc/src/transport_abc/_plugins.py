"""What a loop asks of a transport package: one plug-in class per kind, found through an entry point.

A distribution registers its plug-in classes in the entry-point group :data:`ENTRY_POINT_GROUP`; the entry point's
name is the name under which loops look the plug-in up (``tcp``, ``unix``, ``udp``, ``ssl``, ``pipe``, ``subprocess``,
or one of your own)::

    [project.entry-points."transport_abc.transports"]
    serial = "transport_serial:SerialPlugin"

The loop instantiates the class without arguments, once, when the name is first needed. Every method gets the loop as
its first argument; a plug-in keeps no state of a loop. The options of a method are those of the loop method that
leads to it (for the names above: asyncio's, by asyncio's names); a plug-in of your own defines its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from transport_abc._loop import TransportLoop
    from transport_abc._protocols import BaseProtocol
    from transport_abc._transports import (
        DatagramTransport,
        ReadTransport,
        SubprocessTransport,
        Transport,
        WriteTransport,
    )
    from transport_abc._wrapper import WrapperTransport

    _P = TypeVar("_P", bound=BaseProtocol | asyncio.BaseProtocol)

__all__ = [
    "API_VERSION",
    "ENTRY_POINT_GROUP",
    "DatagramPlugin",
    "PipePlugin",
    "Plugin",
    "ProcessPlugin",
    "StreamPlugin",
    "WrapperPlugin",
]

ENTRY_POINT_GROUP = "transport_abc.transports"
"""The entry-point group in which plug-ins are registered."""

API_VERSION = 1
"""The major version of this contract; a plug-in made for another one is refused."""


class Plugin(ABC):
    """Make transports of one kind for any loop."""

    api_version: ClassVar[int]
    """The :data:`API_VERSION` that the plug-in was written for, as a literal number."""


class StreamPlugin(Plugin):
    """Make transports that carry a stream of bytes in both directions."""

    @abstractmethod
    async def connect(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], *args: Any, **options: Any
    ) -> tuple[Transport, _P]:
        """Connect to a peer and return the transport with its protocol, after ``connection_made``."""

    async def listen(
        self, loop: TransportLoop, protocol_factory: Callable[[], Any], *args: Any, **options: Any
    ) -> asyncio.AbstractServer:
        """Accept connections, each with a protocol of its own, and return the server.

        Raises:
            NotImplementedError: if this kind of transport only connects.
        """
        raise NotImplementedError(f"{type(self).__name__} does not listen")

    async def adopt(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], *args: Any, **options: Any
    ) -> tuple[Transport, _P]:
        """Make a transport of a connection that was accepted elsewhere.

        Raises:
            NotImplementedError: if this kind of transport cannot.
        """
        raise NotImplementedError(f"{type(self).__name__} does not adopt connections")


class DatagramPlugin(Plugin):
    """Make transports that carry datagrams."""

    @abstractmethod
    async def open(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], *args: Any, **options: Any
    ) -> tuple[DatagramTransport, _P]:
        """Open an endpoint and return the transport with its protocol, after ``connection_made``."""


class WrapperPlugin(Plugin):
    """Make transports that change what another stream transport carries, such as TLS."""

    @abstractmethod
    def wrap(self, loop: TransportLoop, protocol: Any, *args: Any, **options: Any) -> WrapperTransport:
        """Make a wrapper, not yet connected, for the protocol above it.

        The wrapper is the protocol of the transport below: hand it out from a protocol factory, or give it to
        ``set_protocol`` of an existing transport, and await :meth:`WrapperTransport.wait_ready`.
        """

    async def upgrade(
        self, loop: TransportLoop, transport: asyncio.BaseTransport, protocol: Any, *args: Any, **options: Any
    ) -> WrapperTransport | None:
        """Put a wrapper over a connection that is in use; ``loop.start_tls`` asks the plug-in ``ssl`` for it.

        Returns:
            The wrapper, once it is ready, or None if the connection is already closing.

        Raises:
            NotImplementedError: if this kind of wrapper cannot.
        """
        raise NotImplementedError(f"{type(self).__name__} does not upgrade connections")


class PipePlugin(Plugin):
    """Make transports of one end of a pipe."""

    @abstractmethod
    async def connect_read(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], pipe: Any, **options: Any
    ) -> tuple[ReadTransport, _P]:
        """Read from a file object in non-blocking mode; the transport owns it and closes it."""

    @abstractmethod
    async def connect_write(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], pipe: Any, **options: Any
    ) -> tuple[WriteTransport, _P]:
        """Write to a file object in non-blocking mode; the transport owns it and closes it."""


class ProcessPlugin(Plugin):
    """Make transports that control a child process."""

    @abstractmethod
    async def spawn(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], args: Any, **options: Any
    ) -> tuple[SubprocessTransport, _P]:
        """Start a process and return the transport with its protocol, after ``connection_made``.

        Args:
            loop: the loop that makes the callbacks.
            protocol_factory: called without arguments for the protocol.
            args: a sequence of strings, or one string with ``shell=True``.
            options: those of :class:`subprocess.Popen`.
        """
