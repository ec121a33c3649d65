"""The base for transports that change what another transport carries.

A wrapper is one object with two faces: the transport of the protocol above it, and the protocol of the transport
below it. What comes from below arrives in ``data_received``, is changed and given to
:meth:`WrapperTransport._deliver`; what comes from above arrives in :meth:`WrapperTransport._send`, is changed and given
to the transport below. Everything else is passed through.

The wrapper shares the context of the transport below, so that callbacks from below need not enter it again. Below a
transport of another implementation it has a context of its own, which it enters by :meth:`WrapperTransport._run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transport_abc._endpoint import Endpoint
from transport_abc._protocols import Protocol
from transport_abc._read_side import _is_buffered
from transport_abc._transports import Transport
from transport_abc._write_side import _flat

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from _typeshed import ReadableBuffer

    from transport_abc._loop import TransportLoop
    from transport_abc._protocols import BaseProtocol

__all__ = ["WrapperTransport"]


class WrapperTransport(Endpoint, Transport, Protocol):
    """A stream carried by another stream transport; passes everything through unless a subclass changes it.

    Args:
        loop: the loop that makes the callbacks.
        protocol: the protocol above, the receiver of what is delivered.
    """

    # Slots, as asyncio.BaseTransport has one; see transport_abc._owner.
    __slots__ = ("_buffered", "_eof", "_foreign", "_halted", "_loss", "_lower", "_ready", "_rest")

    _lower: Transport

    def __init__(self, loop: TransportLoop, protocol: BaseProtocol | asyncio.BaseProtocol) -> None:
        self._buffered = self._foreign = self._eof = False
        self._halted = False  # the protocol above has paused
        self._rest = b""  # what it had not taken by then; nothing more is received before it has
        self._loss: BaseException | None = None
        super().__init__(loop, protocol)
        self._ready: asyncio.Future[None] = loop.create_future()

    async def wait_ready(self) -> None:
        """Wait until the protocol above has got its ``connection_made``.

        Raises:
            Exception: the reason why the connection could not be established.
        """
        await self._ready

    def set_protocol(self, protocol: BaseProtocol | asyncio.BaseProtocol) -> None:
        """Give the callbacks that follow to another protocol, which may be of the other kind of receiving."""
        super().set_protocol(protocol)
        self._buffered = _is_buffered(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the wrapper knows, or else what the transport below knows."""
        if name in self._extra:
            return self._extra[name]
        return self._lower.get_extra_info(name, default) if self._is_connected() else default

    def _is_connected(self) -> bool:
        """Tell whether there is a transport below."""
        return hasattr(self, "_lower")

    def __del__(self) -> None:
        # One that never got a transport below, as the connection was refused, has left nothing unclosed.
        if self._is_connected():
            super().__del__()

    # -- from below ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:
        """Take the transport below. A subclass that has to shake hands overrides :meth:`_begin`."""
        self._lower = transport
        if isinstance(transport, Endpoint):
            self._context = transport._context
        else:
            self._foreign = True
            peer = transport.get_extra_info("peername")
            if peer is not None:  # uvloop asks the system each time, which has forgotten it after a reset
                self._extra["peername"] = peer
        self._begin()

    def _begin(self) -> None:
        """Establish the connection; a hook for subclasses, which must end in :meth:`_established`."""
        self._established()

    def _established(self) -> None:
        """Call ``connection_made`` of the protocol above."""
        self._call_connection_made()
        if not self._ready.done():
            self._ready.set_result(None)

    def _run(self, callback: Callable[..., Any], *args: Any) -> Any:
        """Call a method that calls the protocol above, in the context of this transport."""
        return self._enter(callback, *args) if self._foreign else callback(*args)

    def data_received(self, data: bytes) -> None:
        """Take bytes from below; a subclass changes them before it delivers them."""
        self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        """Hand bytes to the protocol above."""
        if self._closing or not data:
            return
        if self._rest:
            self._rest += data
        elif self._buffered:
            self._deliver_buffered(data)
        elif self._foreign:
            self._call("data_received", data)
        else:
            try:
                self._protocol.data_received(data)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as exc:
                self._callback_failed("data_received", exc)

    def _deliver_buffered(self, data: bytes) -> None:
        """Copy bytes into the buffers of the protocol above, until it pauses; what it has not taken is kept."""
        rest = memoryview(data)
        while rest and not self._closing:
            if self._halted:
                self._rest = bytes(rest)
                return
            buffer = self._call("get_buffer", len(rest))
            if self._closing:
                return
            view = memoryview(buffer).cast("B")
            nbytes = min(len(view), len(rest))
            if not nbytes:
                self._callback_failed("get_buffer", RuntimeError("get_buffer() returned an empty buffer"))
                return
            view[:nbytes] = rest[:nbytes]
            rest = rest[nbytes:]
            self._call("buffer_updated", nbytes)

    def _deliver_rest(self) -> None:
        """Go on where the protocol paused; receive again when it has taken everything, and has not paused again."""
        if self._rest and not self._halted:
            rest, self._rest = self._rest, b""
            self._deliver(rest)
            if not self._closing and not self._halted:
                self._lower.resume_reading()

    def eof_received(self) -> bool | None:
        """Pass the end of file on."""
        return None if self._closing else bool(self._call("eof_received"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the loss of the transport below on; it is the loss of this one."""
        if not self._ready.done():
            self._ready.set_exception(exc or ConnectionAbortedError("connection closed before it was established"))
            self._ready.exception()  # retrieved: nobody may be waiting
        if not self._conn_lost:
            self._closing = True
            self._conn_lost = 1
            self._run(self._call_connection_lost, exc if self._loss is None else self._loss)
            self._loss = None
            self._rest = b""

    def pause_writing(self) -> None:
        """Pass the state of the write buffer below on."""
        if self._made and not self._conn_lost:
            self._call("pause_writing")

    def resume_writing(self) -> None:
        """Pass the state of the write buffer below on."""
        if self._made and not self._conn_lost:
            self._call("resume_writing")

    # -- from above ------------------------------------------------------------------------------------------------

    def is_reading(self) -> bool:
        """Return True if the protocol above is to get what arrives."""
        return not self._closing and (not self._halted if self._rest else self._lower.is_reading())

    def pause_reading(self) -> None:
        """Stop receiving, on the transport below."""
        self._halted = True
        self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Receive again, on the transport below; first comes what the protocol has not taken before the pause."""
        self._halted = False
        if self._rest:
            self._loop.call_soon(self._deliver_rest, context=self._context)
        else:
            self._lower.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks of the write buffer below."""
        self._lower.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the marks of the write buffer below as ``(low, high)``, in bytes."""
        return self._lower.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent below."""
        return self._lower.get_write_buffer_size()

    def write(self, data: ReadableBuffer) -> None:
        """Send bytes through the transport below; see :class:`transport_abc.WriteTransport`."""
        flat = _flat(data)
        if self._accepts("write") and len(flat):
            self._send(flat)

    def writelines(self, list_of_data: Iterable[ReadableBuffer]) -> None:
        """Send the concatenation of several bytes-like objects; see :class:`transport_abc.WriteTransport`."""
        data = b"".join(map(_flat, list_of_data))
        if self._accepts("writelines") and data:
            self._send(data)

    def _send(self, data: bytes | memoryview) -> None:
        """Send bytes through the transport below; a hook for subclasses, which change them.

        Args:
            data: at least one byte; unless it is ``bytes``, it may change after this call.
        """
        self._lower.write(data)

    def _accepts(self, method: str) -> bool:
        """Tell whether more may be written; a write on a connection that is gone is dropped and counted."""
        if self._eof:
            raise RuntimeError(f"Cannot call {method}() after write_eof()")
        if self._closing:
            self._count_dropped()
        return not self._closing

    def write_eof(self) -> None:
        """Close the writing half of the transport below."""
        if not self._closing and not self._eof:
            self._eof = True
            self._lower.write_eof()

    def can_write_eof(self) -> bool:
        """Return True if the transport below can close its writing half."""
        return self._lower.can_write_eof()

    def close(self) -> None:
        """Close the transport below once what is buffered has been sent."""
        if not self._closing:
            self._closing = True
            if self._is_connected():
                self._lower.close()

    def _force_close(self, exc: BaseException | None) -> None:
        """Abort the transport below; its loss ends this one, with the reason given here."""
        if not self._conn_lost and self._loss is None:
            self._closing = True
            self._loss = exc
            if self._is_connected():
                self._lower.abort()
