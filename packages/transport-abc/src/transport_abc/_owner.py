"""What the reading and the writing half of a transport have in common: the descriptor, and where its state is kept.

The attributes of both halves are slots, of this one class. Slots, because asyncio.BaseTransport has one, and Python
3.13 looks the attributes of a class with slots below and a ``__dict__`` on top up in a hash table each time. Of one
class, because Python cannot combine two bases that have slots of their own. A ``__dict__`` remains, for what users put
there.
"""

from __future__ import annotations

from collections import deque
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from transport_abc._endpoint import Endpoint
from transport_abc._readiness import readiness_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from transport_abc._loop import TransportLoop
    from transport_abc._protocols import BaseProtocol
    from transport_abc._readiness import Readiness

__all__ = ["NOTHING", "DescriptorOwner"]

NOTHING: deque[bytes | memoryview] = deque()
"""Stands for an empty write buffer, so that an idle connection need not have one."""


class DescriptorOwner(Endpoint):
    """Own a descriptor; see :class:`ReadSide` and :class:`WriteSide` for the meaning of the attributes."""

    __slots__ = (
        *("_fd", "_plain_fd", "_receive", "_receive_into", "_paused", "_started", "_eof_received", "_buffered"),
        *("_send", "_send_lines", "_buffer", "_buffer_size", "_direct", "_eof"),
    )

    _fd: int
    _plain_fd: int | None
    """The descriptor if os.read and os.write may be used on it, else None; see :class:`DescriptorTransport`."""
    _receive: Callable[[int], bytes]
    _receive_into: Callable[[Any], int]
    _send: Callable[[Any], int]
    _send_lines: Callable[[Any], int]

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        *,
        context: Context | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._extra = {} if extra is None else dict(extra)
        self._set_up(loop, readiness_of(loop), protocol, copy_context() if context is None else context)

    def _set_up(
        self, loop: TransportLoop, readiness: Readiness, protocol: BaseProtocol | asyncio.BaseProtocol, context: Context
    ) -> None:
        """Set all attributes, those of :class:`Endpoint` as well: a ladder of constructors costs too much."""
        self._closing = self._made = False
        self._conn_lost = 0
        self._loop = loop
        self._readiness = readiness
        self._context = context
        self._protocol = None
        self._plain_fd = None
        self._paused = self._started = self._eof_received = self._buffered = False
        self._buffer = NOTHING
        self._buffer_size = 0
        self._direct = True
        self._eof = False
        self.set_protocol(protocol)
