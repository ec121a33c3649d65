"""The base for transports that own a descriptor and carry a stream in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transport_abc._read_side import ReadSide
from transport_abc._transports import Transport
from transport_abc._write_side import WriteSide

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from contextvars import Context

    from transport_abc._loop import TransportLoop
    from transport_abc._protocols import BaseProtocol

__all__ = ["DescriptorTransport"]


class DescriptorTransport(ReadSide, WriteSide, Transport):
    """A stream over one descriptor in non-blocking mode: write buffer, flow control, errors and closing are done here.

    A subclass says how to close the descriptor (``_close_resource``) and, if it can, how to close its writing half
    (``_shutdown_write``); it calls :meth:`Endpoint._start` once. The four functions raise BlockingIOError when they
    would block. Without them the transport uses os.read and os.write, which cost less. That is for a descriptor which
    nobody else can close: its number may be another file's a moment later, and the transport would not notice.

    Args:
        loop: any asyncio loop.
        protocol: the receiver of the callbacks.
        fd: the descriptor that the loop watches.
        receive: returns at most so many bytes, none at the end of file, as ``sock.recv``.
        receive_into: fills a writable buffer and returns the number of bytes, 0 at the end of file, as
            ``sock.recv_into``.
        send: sends one buffer and returns the number of bytes taken, as ``sock.send``.
        send_lines: sends a list of buffers and returns the number of bytes taken, as ``sock.sendmsg``.
        context: the context in which all callbacks run; a copy of the current one by default.
        extra: what ``get_extra_info`` returns, by name.
    """

    __slots__ = ()

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        fd: int,
        *,
        receive: Callable[[int], bytes] | None = None,
        receive_into: Callable[[Any], int] | None = None,
        send: Callable[[Any], int] | None = None,
        send_lines: Callable[[Any], int] | None = None,
        context: Context | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._fd = fd
        is_plain = receive is None and receive_into is None and send is None and send_lines is None
        if not is_plain:
            self._set_functions(receive, receive_into, send, send_lines)
        super().__init__(loop, protocol, context=context, extra=extra)
        self._readiness.claim(fd, self)
        if is_plain:
            self._plain_fd = fd

    def _set_functions(
        self,
        receive: Callable[[int], bytes] | None,
        receive_into: Callable[[Any], int] | None,
        send: Callable[[Any], int] | None,
        send_lines: Callable[[Any], int] | None,
    ) -> None:
        if receive is None or receive_into is None or send is None or send_lines is None:
            raise TypeError("expected all of receive, receive_into, send and send_lines, or none of them")
        self._receive = receive
        self._receive_into = receive_into
        self._send = send
        self._send_lines = send_lines

    def _stop_receiving(self) -> None:
        if not self._eof_received:  # else it was stopped then
            self._stop_reading()
