"""Turn a connection that carries plain text into one that carries TLS (STARTTLS).

Theory of operation. The change of protocols happens in one step, in which nothing can be received, so that what comes
later is TLS. What came earlier, as far as it can be known, is handed to the handshake: what the caller gives, and what
a ``StreamReader`` still has in its buffer. See :mod:`transport_ssl._handshake` for what becomes of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from transport_abc import Transport
    from transport_ssl._transport import SslTransport

__all__ = ["upgradable", "upgraded"]


_NEEDED = ("set_protocol", "pause_reading", "write", "get_write_buffer_limits", "close", "abort")
"""Methods that a stream in both directions has, and one in one direction, or of datagrams, has not."""


def upgradable(transport: Any) -> Transport:
    """Return a transport, unless it cannot carry TLS; its class does not matter, as uvloop's is no asyncio.Transport.

    Raises:
        TypeError: with asyncio's text.
    """
    complete = all(hasattr(transport, method) for method in _NEEDED)
    if not complete or not getattr(transport, "_start_tls_compatible", True):
        raise TypeError(f"transport {transport!r} is not supported by start_tls()")
    return cast("Transport", transport)


def _read_ahead(protocol: Any) -> bytes:
    """Take out what a stream protocol's reader has received and nobody has read."""
    reader = getattr(protocol, "_stream_reader", None)
    if not isinstance(protocol, asyncio.StreamReaderProtocol) or reader is None:
        return b""
    data = bytes(reader._buffer)
    reader._buffer.clear()
    return data


async def upgraded(wrapper: SslTransport, lower: Transport) -> SslTransport:
    """Put a new wrapper in the place of a transport's protocol, and return it after the handshake.

    Raises:
        ssl.SSLError: if plain text was received ahead, or the handshake failed. The connection is lost then.
        OSError: if the connection was lost, or the deadline has passed.
    """
    wrapper.read_before(_read_ahead(wrapper.get_protocol()))
    lower.set_protocol(wrapper)
    wrapper.connection_made(lower)
    lower.resume_reading()
    try:
        await wrapper.wait_ready()
    except BaseException:
        if not wrapper.is_closing():  # it was cancelled
            wrapper.abort()
        raise
    return wrapper
