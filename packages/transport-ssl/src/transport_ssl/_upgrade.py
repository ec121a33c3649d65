"""Turn a connection that carries plain text into one that carries TLS (STARTTLS).

Theory of operation. Between the request to upgrade and the first byte of TLS lies the moment of which plain text that
somebody put behind the request takes advantage: taken for what the verified peer sent, it is a command injected into
the connection. Two rules exclude it. The change of protocols happens in one step, in which nothing can be received.
And what was received before that step, as far as it can be known, is given to TLS, never to the protocol: a client must
not have received anything, as its peer waits for its first message; a server may have received the start of that
message, and nothing else.

What can be known is what the caller hands over, and what a ``StreamReader`` still has in its buffer.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from transport_abc import Transport
    from transport_ssl._transport import SslTransport

__all__ = ["read_ahead", "upgradable", "upgraded"]

_HANDSHAKE_RECORD = 22  # RFC 8446, section 5.1
_SHOWN = 40


def upgradable(transport: Any) -> Transport:
    """Return a transport, unless it cannot carry TLS.

    Raises:
        TypeError: with asyncio's text.
    """
    if not isinstance(transport, asyncio.Transport) or not getattr(transport, "_start_tls_compatible", True):
        raise TypeError(f"transport {transport!r} is not supported by start_tls()")
    return cast("Transport", transport)


def read_ahead(protocol: Any) -> bytes:
    """Take out what a stream protocol's reader has received and nobody has read."""
    reader = getattr(protocol, "_stream_reader", None)
    if not isinstance(protocol, asyncio.StreamReaderProtocol) or reader is None:
        return b""
    data = bytes(reader._buffer)
    reader._buffer.clear()
    return data


def _check_read_ahead(data: bytes, server_side: bool) -> None:
    """Refuse what was received ahead, unless it can be the start of a client's first message."""
    if data and (not server_side or data[0] != _HANDSHAKE_RECORD):
        shown = data if len(data) <= _SHOWN else data[:_SHOWN] + b"..."
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"plain text was received ahead of the TLS handshake: {shown!r}")


async def upgraded(wrapper: SslTransport, lower: Transport, received: bytes, server_side: bool) -> SslTransport:
    """Put a new wrapper in the place of a transport's protocol, and return it after the handshake.

    Raises:
        ssl.SSLError: if plain text was received ahead, or the handshake failed. The connection is lost then.
        OSError: if the connection was lost, or the deadline has passed.
    """
    try:
        lower.set_protocol(wrapper)
        _check_read_ahead(received, server_side)
        wrapper.connection_made(lower)
        if received:
            wrapper.data_received(received)
        lower.resume_reading()
        await wrapper.wait_ready()
    except BaseException:
        wrapper.abort()
        raise
    return wrapper
