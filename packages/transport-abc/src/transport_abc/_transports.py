"""The methods that a protocol may call on its transport, as abstract classes.

Every class is a subclass of asyncio's class of the same name, at run time and to a type checker, so a transport made
from them passes wherever asyncio's is asked for.

Source: Python documentation, "Transports and Protocols", section "Transports".
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

if TYPE_CHECKING:
    import ssl
    import subprocess
    from asyncio.trsock import TransportSocket
    from collections.abc import Iterable

    from _typeshed import ReadableBuffer

    from transport_abc._protocols import BaseProtocol

    _D = TypeVar("_D")

__all__ = [
    "BaseSubprocessTransport",
    "BaseTransport",
    "DatagramTransport",
    "ReadTransport",
    "SubprocessTransport",
    "Transport",
    "WriteTransport",
]


class BaseTransport(asyncio.BaseTransport, ABC):
    """Represent one connection, endpoint or process; loops make transports, protocols use them."""

    @abstractmethod
    def close(self) -> None:
        """Close the transport once what is buffered for writing has been sent.

        No more data is received. The protocol's ``connection_lost(None)`` follows, never from within this call.
        """

    @abstractmethod
    def is_closing(self) -> bool:
        """Return True if the transport is closing or closed."""

    # The addresses are Any: their form depends on the socket's family.
    @overload
    def get_extra_info(self, name: Literal["socket"]) -> TransportSocket | None: ...
    @overload
    def get_extra_info(self, name: Literal["socket"], default: _D) -> TransportSocket | _D: ...
    @overload
    def get_extra_info(self, name: Literal["compression"]) -> str | None: ...
    @overload
    def get_extra_info(self, name: Literal["compression"], default: _D) -> str | _D: ...
    @overload
    def get_extra_info(self, name: Literal["cipher"]) -> tuple[str, str, int] | None: ...
    @overload
    def get_extra_info(self, name: Literal["cipher"], default: _D) -> tuple[str, str, int] | _D: ...
    @overload
    def get_extra_info(self, name: Literal["peercert"]) -> dict[str, Any] | None: ...
    @overload
    def get_extra_info(self, name: Literal["peercert"], default: _D) -> dict[str, Any] | _D: ...
    @overload
    def get_extra_info(self, name: Literal["sslcontext"]) -> ssl.SSLContext | None: ...
    @overload
    def get_extra_info(self, name: Literal["sslcontext"], default: _D) -> ssl.SSLContext | _D: ...
    @overload
    def get_extra_info(self, name: Literal["ssl_object"]) -> ssl.SSLObject | ssl.SSLSocket | None: ...
    @overload
    def get_extra_info(self, name: Literal["ssl_object"], default: _D) -> ssl.SSLObject | ssl.SSLSocket | _D: ...
    @overload
    def get_extra_info(self, name: Literal["subprocess"]) -> subprocess.Popen[bytes] | None: ...
    @overload
    def get_extra_info(self, name: Literal["subprocess"], default: _D) -> subprocess.Popen[bytes] | _D: ...
    @overload
    def get_extra_info(self, name: str, default: Any = None) -> Any: ...
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows about its connection.

        Args:
            name: for sockets ``peername``, ``sockname``, ``socket``; for TLS also ``peercert``, ``cipher``,
                ``compression``, ``sslcontext``, ``ssl_object``; for pipes ``pipe``; for processes ``subprocess``.
            default: returned when the transport has nothing under that name.
        """
        return super().get_extra_info(name, default)

    # asyncio's BaseProtocol, which typeshed names here, is unrelated to ours for a type checker; see _protocols.
    @abstractmethod
    def set_protocol(self, protocol: BaseProtocol | asyncio.BaseProtocol) -> None:
        """Give the callbacks that follow to another protocol; both must be made for the switch."""

    @abstractmethod
    def get_protocol(self) -> BaseProtocol:  # type: ignore[override]
        """Return the current protocol."""


class ReadTransport(BaseTransport, asyncio.ReadTransport):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Receive bytes."""

    @abstractmethod
    def is_reading(self) -> bool:
        """Return True if the transport is receiving: neither paused nor closing."""

    @abstractmethod
    def pause_reading(self) -> None:
        """Stop receiving; no ``data_received`` comes until :meth:`resume_reading`. May be called twice."""

    @abstractmethod
    def resume_reading(self) -> None:
        """Receive again. May be called twice."""


class WriteTransport(BaseTransport, asyncio.WriteTransport):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Send bytes."""

    @abstractmethod
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks of the write buffer's flow control.

        ``pause_writing`` is called when more than ``high`` bytes are buffered, ``resume_writing`` when the buffer has
        drained to ``low`` bytes or fewer.

        Args:
            high: bytes; by default 65536, or four times ``low``.
            low: bytes; by default a quarter of ``high``.

        Raises:
            ValueError: unless ``high >= low >= 0``.
        """

    @abstractmethod
    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the marks of the write buffer as ``(low, high)``, in bytes."""

    @abstractmethod
    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""

    @abstractmethod
    def write(self, data: ReadableBuffer) -> None:
        """Send bytes without blocking, or buffer what cannot be sent yet.

        Args:
            data: any bytes-like object. Changing it after the call has no effect on what is sent.

        Raises:
            TypeError: if ``data`` is not bytes-like.
            RuntimeError: after :meth:`write_eof`.
        """

    @abstractmethod
    def writelines(self, list_of_data: Iterable[ReadableBuffer]) -> None:
        """Send the concatenation of several bytes-like objects; see :meth:`write`."""

    @abstractmethod
    def write_eof(self) -> None:
        """Close the writing half once what is buffered has been sent; data may still be received.

        Raises:
            NotImplementedError: if the transport cannot close one half; see :meth:`can_write_eof`.
        """

    @abstractmethod
    def can_write_eof(self) -> bool:
        """Return True if the transport supports :meth:`write_eof`."""

    @abstractmethod
    def abort(self) -> None:
        """Close at once; what is buffered is lost. The protocol's ``connection_lost(None)`` follows."""


class Transport(ReadTransport, WriteTransport, asyncio.Transport):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Exchange a stream of bytes in both directions."""


class DatagramTransport(BaseTransport, asyncio.DatagramTransport):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Exchange datagrams."""

    # Any, because the form of an address depends on the family of the socket.
    @abstractmethod
    def sendto(self, data: ReadableBuffer, addr: Any = None) -> None:
        """Send one datagram without blocking, or buffer it when it cannot be sent yet.

        Args:
            data: any bytes-like object, possibly empty.
            addr: the receiver's address; None for the one that the endpoint was connected to.

        Raises:
            TypeError: if ``data`` is not bytes-like.
            ValueError: if ``addr`` is not an address that this endpoint can send to.
        """

    @abstractmethod
    def abort(self) -> None:
        """Close at once; what is buffered is lost. The protocol's ``connection_lost(None)`` follows."""

    @abstractmethod
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks of the write buffer's flow control; see :meth:`WriteTransport.set_write_buffer_limits`."""

    @abstractmethod
    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the marks of the write buffer as ``(low, high)``, in bytes."""

    @abstractmethod
    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent; each datagram counts with its header."""


class SubprocessTransport(BaseTransport, asyncio.SubprocessTransport):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Control a child process and the pipes to it."""

    @abstractmethod
    def get_pid(self) -> int:
        """Return the process id."""

    @abstractmethod
    def get_returncode(self) -> int | None:
        """Return the exit code, the negative signal number for a killed child, or None while it runs."""

    @overload
    def get_pipe_transport(self, fd: Literal[0]) -> WriteTransport | None: ...
    @overload
    def get_pipe_transport(self, fd: Literal[1, 2]) -> ReadTransport | None: ...
    @overload
    def get_pipe_transport(self, fd: int) -> BaseTransport | None: ...
    @abstractmethod
    def get_pipe_transport(self, fd: int) -> BaseTransport | None:
        """Return the transport of one pipe to the child.

        Args:
            fd: the child's descriptor. 0, its standard input, is written to; 1 and 2, its output and error, are read.

        Returns:
            The transport, or None if that descriptor was not made with ``PIPE``.
        """

    @abstractmethod
    def send_signal(self, signal: int) -> None:
        """Send a signal to the child, as :meth:`subprocess.Popen.send_signal`.

        Raises:
            ProcessLookupError: if the child has ended.
        """

    @abstractmethod
    def terminate(self) -> None:
        """Ask the child to end (SIGTERM on POSIX systems).

        Raises:
            ProcessLookupError: if the child has ended.
        """

    @abstractmethod
    def kill(self) -> None:
        """Kill the child (SIGKILL on POSIX systems).

        Raises:
            ProcessLookupError: if the child has ended.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the pipes and end the child, if it still runs."""


BaseSubprocessTransport = SubprocessTransport
"""The name under which the Python documentation has :class:`SubprocessTransport`."""
