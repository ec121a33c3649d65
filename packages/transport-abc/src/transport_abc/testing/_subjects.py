"""What checks are tried on: a way to make connected transports, and what these can and cannot do."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from transport_abc._plugins import Plugin
    from transport_abc._transports import DatagramTransport, Transport

    ProtocolFactory: TypeAlias = Callable[[], Any]
    MakePair: TypeAlias = Callable[
        [ProtocolFactory, ProtocolFactory], AbstractAsyncContextManager[tuple[Transport, Transport]]
    ]
    MakeDatagramPair: TypeAlias = Callable[
        [ProtocolFactory, ProtocolFactory],
        AbstractAsyncContextManager[tuple[DatagramTransport, DatagramTransport]],
    ]
    Connect: TypeAlias = Callable[[ProtocolFactory], Awaitable[tuple[Transport, Any]]]
    Serve: TypeAlias = Callable[[ProtocolFactory], AbstractAsyncContextManager[Connect]]

__all__ = ["DatagramSubject", "LoopSubject", "PluginSubject", "StreamSubject", "Subject", "implementation_of"]


def implementation_of(loop: asyncio.AbstractEventLoop) -> str:
    """Name the implementation of a loop, as known faults name it: ``asyncio-3.13``, ``uvloop``, ``loop_selector``."""
    family = type(loop).__module__.partition(".")[0]
    return f"asyncio-{'.'.join(platform.python_version_tuple()[:2])}" if family == "asyncio" else family


class Subject:
    """What a check is tried on.

    Attributes:
        implementation: the name under which ``Check.known_faults`` has faults of this implementation.
    """

    implementation: str

    def can(self, ability: str) -> bool:
        """Tell whether the subject has an ability that a check needs, by the name of its field."""
        return bool(getattr(self, ability))


@dataclass(frozen=True, kw_only=True)
class StreamSubject(Subject):
    """A kind of stream transport.

    Args:
        make_pair: ``make_pair(left_factory, right_factory)`` is an asynchronous context manager. It makes two connected
            transports in the running loop, with the protocols that the factories make, enters with
            ``(left, right)`` once both got ``connection_made``, and frees on leaving whatever else it made, such as a
            listening socket. The transports themselves have been aborted by then.
            ``contextlib.asynccontextmanager`` makes one of a function.
        serve: ``serve(factory)`` is an asynchronous context manager that accepts connections and enters with a function
            ``await connect(factory)``, which returns ``(transport, protocol)``; None for transports without a server.
        duplex: both ends can read and write; otherwise left only writes and right only reads.
        half_close: ``write_eof()`` leaves the other direction open.
        resets: a peer that aborts with unread data ends the connection with an error.
        addresses: ``peername`` of one end is ``sockname`` of the other, unless it is empty.
        exact_buffer_size: the write buffer grows by exactly what is written; False where it is encoded on its way.
        implementation: the name under which ``Check.known_faults`` has faults of this implementation.
    """

    make_pair: MakePair
    serve: Serve | None = None
    duplex: bool = True
    half_close: bool = True
    resets: bool = True
    addresses: bool = True
    exact_buffer_size: bool = True
    implementation: str = ""


@dataclass(frozen=True, kw_only=True)
class DatagramSubject(Subject):
    """A kind of datagram transport.

    Args:
        make_pair: as for :class:`StreamSubject`. The left endpoint is connected to the right one, which is itself not
            connected: ``left.sendto(data)`` and ``right.sendto(data, address of left)`` both reach the other.
        blocks: sending to a peer that does not receive fills the write buffer; it does for Unix sockets, not for UDP.
        refusals: sending to a closed endpoint ends in ``error_received``.
        implementation: the name under which ``Check.known_faults`` has faults of this implementation.
    """

    make_pair: MakeDatagramPair
    blocks: bool = False
    refusals: bool = True
    implementation: str = ""


@dataclass(frozen=True, kw_only=True)
class LoopSubject(Subject):
    """A loop, whose interface for transports is checked; the running one is used.

    Args:
        owns_readiness: the loop has an attribute ``readiness``, and knows which descriptors transports own.
        implementation: the name under which ``Check.known_faults`` has faults of this implementation.
    """

    owns_readiness: bool = True
    implementation: str = ""


@dataclass(frozen=True, kw_only=True)
class PluginSubject(Subject):
    """A plug-in class.

    Args:
        plugin: the class that the entry point names.
        entry_point: the entry point's name, None if the class is only registered explicitly.
        implementation: the name under which ``Check.known_faults`` has faults of this implementation.
    """

    plugin: type[Plugin]
    entry_point: str | None = None
    implementation: str = ""
