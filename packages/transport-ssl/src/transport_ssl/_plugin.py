"""The plug-in: what a loop finds under the name ``ssl``."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from transport_abc import WrapperPlugin
from transport_ssl._engine import Engine
from transport_ssl._handshake import Settings
from transport_ssl._transport import SslTransport
from transport_ssl._upgrade import upgradable, upgraded

if TYPE_CHECKING:
    import asyncio

    from transport_abc import BaseProtocol, TransportLoop

__all__ = ["HANDSHAKE_TIMEOUT", "SHUTDOWN_TIMEOUT", "SslPlugin"]

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a handshake may take, by default; asyncio's."""

SHUTDOWN_TIMEOUT = 30.0
"""Seconds that a connection may last after ``close``, by default; asyncio's."""

_IGNORE_EOF: int = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # of OpenSSL 3


class SslPlugin(WrapperPlugin):
    """Make TLS transports over any stream transport.

    Args:
        suppress_ragged_eofs: take an end without ``close_notify`` for a regular one, as asyncio does and as many
            servers end; ``get_extra_info("close_notify")`` tells it apart all the same. If false it is an error, as
            somebody may have cut the connection, unless the context has the option ``OP_IGNORE_UNEXPECTED_EOF``.
    """

    api_version = 1

    def __init__(self, *, suppress_ragged_eofs: bool = True) -> None:
        self._suppress_ragged_eofs = suppress_ragged_eofs

    def wrap(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        *,
        sslcontext: ssl.SSLContext | bool,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        session: ssl.SSLSession | None = None,
        suppress_ragged_eofs: bool | None = None,
    ) -> SslTransport:
        """Make a TLS transport for a protocol; it is the protocol of the transport that shall carry it.

        Args:
            loop: any asyncio loop.
            protocol: gets its callbacks once the peer is verified.
            sslcontext: the settings and the certificates; True on the client's side: those of
                :func:`ssl.create_default_context`.
            server_side: on which side of the handshake this is.
            server_hostname: the name that the server's certificate must be valid for, on the client's side; an empty
                one: any.
            ssl_handshake_timeout: seconds, by default :data:`HANDSHAKE_TIMEOUT`.
            ssl_shutdown_timeout: seconds, by default :data:`SHUTDOWN_TIMEOUT`.
            session: ``ssl_object.session`` of an earlier connection with this context and to this ``server_hostname``,
                to be resumed; OpenSSL verifies neither the certificate nor the name anew.
            suppress_ragged_eofs: for this connection, instead of the plug-in's and the context's setting.

        Raises:
            TypeError: if ``sslcontext`` is no context.
            ValueError: if a timeout is not positive, or if the name or the session cannot be used with the context.
        """
        return self._make(
            loop,
            protocol,
            _context(sslcontext, server_side, server_hostname),
            server_side=server_side,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
            session=session,
            tolerant=suppress_ragged_eofs,
        )

    async def upgrade(
        self,
        loop: TransportLoop,
        transport: asyncio.BaseTransport,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        sslcontext: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        session: ssl.SSLSession | None = None,
        suppress_ragged_eofs: bool | None = None,
        received: bytes = b"",
    ) -> SslTransport | None:
        """Go on with a connection in TLS; asyncio's ``loop.start_tls``.

        Args:
            loop: any asyncio loop.
            transport: the transport of the connection; not to be used any more.
            protocol: the receiver of what is decrypted; its ``connection_made`` is not called again.
            sslcontext: the settings and the certificates.
            server_side: on which side of the handshake this is.
            server_hostname: as for :meth:`wrap`.
            ssl_handshake_timeout: as for :meth:`wrap`.
            ssl_shutdown_timeout: as for :meth:`wrap`.
            session: as for :meth:`wrap`.
            suppress_ragged_eofs: as for :meth:`wrap`.
            received: bytes that the protocol has received but that belong to the TLS stream.

        Returns:
            The TLS transport, or None if the connection is already closing.

        Raises:
            TypeError: if the transport cannot be upgraded, or ``sslcontext`` is no context.
            ssl.SSLError: if the handshake failed, or plain text was received ahead of it. The connection is lost then.
            OSError: if the connection was lost, or the deadline has passed.
        """
        lower = upgradable(transport)
        if lower.is_closing():
            return None
        wrapper = self._make(
            loop,
            protocol,
            _context(sslcontext, server_side, server_hostname),
            server_side=server_side,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
            session=session,
            tolerant=suppress_ragged_eofs,
            read_ahead=received,
        )
        return await upgraded(wrapper, lower)

    def _make(
        self,
        loop: TransportLoop,
        protocol: Any,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None,
        handshake_timeout: float | None,
        shutdown_timeout: float | None,
        session: ssl.SSLSession | None,
        tolerant: bool | None,
        read_ahead: bytes | None = None,
    ) -> SslTransport:
        if context.check_hostname and not server_side and server_hostname is None:
            raise ValueError("check_hostname requires server_hostname")  # asyncio would check no name at all
        name = None if server_side else server_hostname or None
        if tolerant is None:
            tolerant = self._suppress_ragged_eofs or bool(context.options & _IGNORE_EOF)
        settings = Settings(
            context,
            server_side,
            _seconds("ssl_handshake_timeout", handshake_timeout, HANDSHAKE_TIMEOUT),
            _seconds("ssl_shutdown_timeout", shutdown_timeout, SHUTDOWN_TIMEOUT),
            tolerant,
        )
        engine = Engine(context, server_side, name, session)
        return SslTransport(loop, protocol, settings, engine, read_ahead=read_ahead)


def _context(sslcontext: object, server_side: bool, server_hostname: str | None) -> ssl.SSLContext:
    if isinstance(sslcontext, ssl.SSLContext):
        return sslcontext
    if sslcontext is not True:
        raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
    if server_side:
        raise ValueError("Server side SSL needs a valid SSLContext")
    context = ssl.create_default_context()
    if server_hostname == "":  # asyncio's way to ask for no check; None is an oversight, and refused
        context.check_hostname = False
    return context


def _seconds(name: str, value: float | None, default: float) -> float:
    if value is None:
        return default
    if value <= 0:
        raise ValueError(f"{name} should be a positive number, got {value}")
    return value
