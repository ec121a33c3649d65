"""What the reading and the writing half of a transport have in common: the descriptor, and where its state is kept.

The attributes of both halves are slots, of this one class. Slots, because asyncio.BaseTransport has one, and Python
3.13 looks the attributes of a class with slots below and a ``__dict__`` on top up in a hash table each time. Of one
class, because Python cannot combine two bases that have slots of their own. A ``__dict__`` remains, for what users put
there.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from transport_abc._endpoint import Endpoint

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from contextvars import Context

    from transport_abc._loop import TransportLoop
    from transport_abc._protocols import BaseProtocol

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

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        *,
        context: Context | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._plain_fd = None
        self._receive: Callable[[int], bytes]
        self._receive_into: Callable[[Any], int]
        self._paused = self._started = self._eof_received = self._buffered = False
        self._send: Callable[[Any], int]
        self._send_lines: Callable[[Any], int]
        self._buffer = NOTHING
        self._buffer_size = 0
        self._direct = True
        self._eof = False
        super().__init__(loop, protocol, context=context, extra=extra)
