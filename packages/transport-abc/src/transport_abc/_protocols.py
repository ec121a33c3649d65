"""The callbacks that a transport makes, as base classes for protocols.

At run time each class is a subclass of asyncio's class of the same name, so one protocol runs on every asyncio loop.
To a type checker they are classes of their own: asyncio's declare ``connection_made(transport: BaseTransport)`` for
every kind of protocol, which makes the natural annotation of the parameter (``transport: Transport``) an error in
user code.

Source: Python documentation, "Transports and Protocols", section "Protocols".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from transport_abc._transports import DatagramTransport, SubprocessTransport, Transport

    class _BaseProtocol: ...

    class _Protocol: ...

    class _BufferedProtocol: ...

    class _DatagramProtocol: ...

    class _SubprocessProtocol: ...

else:
    _BaseProtocol = asyncio.BaseProtocol
    _Protocol = asyncio.Protocol
    _BufferedProtocol = asyncio.BufferedProtocol
    _DatagramProtocol = asyncio.DatagramProtocol
    _SubprocessProtocol = asyncio.SubprocessProtocol

__all__ = ["BaseProtocol", "BufferedProtocol", "DatagramProtocol", "Protocol", "SubprocessProtocol"]


class BaseProtocol(_BaseProtocol):
    """Hold the callbacks that every kind of protocol has; each does nothing by default."""

    __slots__ = ()

    # Any, because the type depends on the kind of protocol; each subclass names its own.
    def connection_made(self, transport: Any) -> None:
        """Learn that the connection is there; called once, before any other callback.

        Args:
            transport: the transport that represents the connection. Keep it if you need it.
        """

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the connection is gone; called once, after every other callback.

        Args:
            exc: why the connection was lost, or None after a regular end of file, ``close()`` or ``abort()``.
        """

    def pause_writing(self) -> None:
        """Stop writing for now: the transport's write buffer went strictly over its high-water mark.

        Called once, however much is written after it, until :meth:`resume_writing` is called.
        """

    def resume_writing(self) -> None:
        """Go on writing: the write buffer has drained to its low-water mark or below."""


class Protocol(BaseProtocol, _Protocol):
    """Receive a stream of bytes.

    The order of the callbacks is ``connection_made`` once, ``data_received`` any number of times, ``eof_received`` at
    most once, ``connection_lost`` once.
    """

    __slots__ = ()

    def connection_made(self, transport: Transport) -> None:
        """Learn that the connection is there; see :meth:`BaseProtocol.connection_made`."""

    def data_received(self, data: bytes) -> None:
        """Take the bytes that arrived; how they are cut into pieces carries no meaning.

        Args:
            data: at least one byte, in the order in which the peer sent them.
        """

    def eof_received(self) -> bool | None:
        """Learn that the peer will send no more.

        Returns:
            A true value to keep the connection open for writing; anything else lets the transport close itself.
        """
        return None


class BufferedProtocol(BaseProtocol, _BufferedProtocol):
    """Receive a stream of bytes into memory that the protocol owns.

    The order of the callbacks is that of :class:`Protocol`, with a pair of :meth:`get_buffer` and
    :meth:`buffer_updated` in the place of each ``data_received``.
    """

    __slots__ = ()

    def connection_made(self, transport: Transport) -> None:
        """Learn that the connection is there; see :meth:`BaseProtocol.connection_made`."""

    def get_buffer(self, sizehint: int) -> WriteableBuffer:
        """Return the memory that the next bytes shall be received into.

        Args:
            sizehint: the recommended size in bytes, -1 for any; the buffer may be smaller or larger.

        Returns:
            A writable buffer with room for at least one byte; an empty one is an error and ends the connection.
        """
        raise NotImplementedError

    def buffer_updated(self, nbytes: int) -> None:
        """Learn that the buffer last returned now holds received bytes.

        Args:
            nbytes: how many bytes were written to its start, at least 1.
        """

    def eof_received(self) -> bool | None:
        """Learn that the peer will send no more; see :meth:`Protocol.eof_received`."""
        return None


class DatagramProtocol(BaseProtocol, _DatagramProtocol):
    """Receive datagrams."""

    __slots__ = ()

    def connection_made(self, transport: DatagramTransport) -> None:
        """Learn that the endpoint is there; see :meth:`BaseProtocol.connection_made`."""

    # Any, because the form of an address depends on the family of the socket.
    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Take one datagram.

        Args:
            data: its payload, possibly empty.
            addr: the sender's address, in the form of the socket's family: ``(host, port)`` for IPv4,
                ``(host, port, flowinfo, scope_id)`` for IPv6, a path or None for Unix sockets.
        """

    def error_received(self, exc: OSError) -> None:
        """Learn that an earlier send or receive failed; the endpoint stays open.

        Args:
            exc: the error of the operating system, for example ``ConnectionRefusedError`` after an ICMP message.
        """


class SubprocessProtocol(BaseProtocol, _SubprocessProtocol):
    """Receive what a child process writes, and its end."""

    __slots__ = ()

    def connection_made(self, transport: SubprocessTransport) -> None:
        """Learn that the process runs and its pipes are connected; see :meth:`BaseProtocol.connection_made`."""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take bytes that the child wrote.

        Args:
            fd: the child's descriptor, 1 for its standard output and 2 for its standard error.
            data: at least one byte.
        """

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Learn that one of the pipes to the child is closed.

        Args:
            fd: the child's descriptor, 0, 1 or 2.
            exc: why it was lost, or None after a regular end.
        """

    def process_exited(self) -> None:
        """Learn that the child has ended; its return code is known from now on."""
