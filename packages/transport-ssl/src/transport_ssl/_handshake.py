"""The first part of a TLS connection's life: the handshake, under a deadline and a limit.

Theory of operation. Nothing of the protocol is called before the peer is verified; what is written before that waits in
the backlog. Then, in this order: ``connection_made``, whoever waits for the handshake, the first delivery. The order
needs one turn of the loop, in which what is received stays in the engine.

A handshake ends in success, in an error that OpenSSL finds, at the deadline, at :data:`NO_DATA_LIMIT`, or with the
connection. Every failure reaches whoever waits for it; on a server nobody does, so it is reported, once.

The start of the handshake may have been received before there was a wrapper, by the protocol that asked for TLS
(STARTTLS). Whatever was received then is given to TLS, never to the protocol: plain text that somebody put behind the
request would otherwise pass for what the verified peer said. A client must not have received anything, as its peer
waits for its first message; a server may have received the beginning of that message.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

from transport_ssl._sending import SendingSide, tls_error
from transport_ssl._states import DELIVERING, WRITABLE, Event, State, after

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from transport_abc import BaseProtocol, TransportLoop
    from transport_ssl._engine import Engine

__all__ = ["NO_DATA_LIMIT", "HandshakingSide", "Settings"]

NO_DATA_LIMIT = 256 * 1024
"""Bytes that a peer may send in a row without data: the handshake, and later key updates and the like."""

_HANDSHAKE_RECORD = 22  # RFC 8446, section 5.1
_SHOWN = 40  # bytes of plain text in a message


class Settings(NamedTuple):
    """What was asked for when a connection was made."""

    context: ssl.SSLContext
    server_side: bool
    handshake_timeout: float
    """Seconds."""
    shutdown_timeout: float
    """Seconds from ``close`` to the end."""
    tolerant: bool
    """An end without ``close_notify`` is a regular one."""


class HandshakingSide(SendingSide):
    """Shake hands, and tell what came of it.

    Args:
        loop: the loop that makes the callbacks.
        protocol: the protocol above.
        settings: those of the connection.
        engine: made of the same context.
        read_ahead: what the protocol has received, if this upgrades a connection of which it has had the
            ``connection_made``; None for a new connection.
    """

    __slots__ = (
        *("_awaited", "_barren", "_deadline", "_flowing", "_lower_ended", "_paused", "_read_ahead", "_released"),
        *("_secure", "_settings", "_state"),
    )

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        settings: Settings,
        engine: Engine,
        *,
        read_ahead: bytes | None = None,
    ) -> None:
        super().__init__(loop, protocol, engine)
        self._settings = settings
        self._read_ahead = read_ahead
        self._made = self._awaited = read_ahead is not None
        self._state = State.NEW
        self._secure = False  # the peer is verified
        self._released = False  # whoever waited for the handshake has run
        self._paused = False  # by the protocol
        self._flowing = False  # what is received may be delivered
        self._lower_ended = False  # nothing follows from below
        self._barren = 0  # bytes fed since there was data
        self._deadline: asyncio.TimerHandle | None = None

    def read_before(self, data: bytes) -> None:
        """Take what was received before this had a transport, ahead of what is known to have been."""
        self._read_ahead = data + (self._read_ahead or b"")

    # -- what is known ---------------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what TLS knows, or else what the transport below knows.

        TLS knows ``sslcontext``, and after the handshake ``peercert``, ``cipher``, ``compression``, ``ssl_object``;
        ``close_notify`` is True once the peer has said so, False if the connection ended without, None before.
        """
        if name == "sslcontext":
            return self._settings.context
        if name == "close_notify":
            return True if self._engine.ended else False if self._lower_ended or self._conn_lost else default
        if name in {"peercert", "cipher", "compression", "ssl_object"}:
            return self._extra[name] if name in self._extra else self._ask_engine(name, default)
        return super().get_extra_info(name, default)

    def _ask_engine(self, name: str, default: Any) -> Any:
        """Find out about the handshake's results when somebody asks, and remember; of most connections nobody does."""
        sslobj = self._engine.sslobj
        if not self._secure:
            return default
        self._extra["ssl_object"] = sslobj
        self._extra["peercert"] = sslobj.getpeercert()
        self._extra["cipher"] = sslobj.cipher()
        self._extra["compression"] = sslobj.compression()
        return self._extra[name]

    @property
    def _sslcontext(self) -> ssl.SSLContext:
        return self._settings.context

    @property
    def _ssl_protocol(self) -> HandshakingSide:
        """Return the object whose ``_sslcontext`` aiohttp looks for."""
        return self

    def _describe(self) -> list[str]:
        lower = [f"over={self._lower!r}"] if self._is_connected() else []
        return [*super()._describe(), self._engine.sslobj.version() or "TLS", *lower]

    # -- states and deadlines --------------------------------------------------------------------------------------

    def _move(self, event: Event) -> None:
        self._state = after(self._state, event)
        self._writable = self._state in WRITABLE
        self._update_flow()

    def _update_flow(self) -> None:
        """Find out anew whether what is received may be delivered."""
        self._flowing = self._released and not self._paused and self._state in DELIVERING

    def _set_deadline(self, seconds: float, callback: Callable[[], None]) -> None:
        self._cancel_deadline()
        self._deadline = self._loop.call_later(seconds, callback, context=self._context)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # -- the handshake ---------------------------------------------------------------------------------------------

    async def wait_ready(self) -> None:
        """Wait until the handshake is complete and the peer verified.

        Raises:
            ssl.SSLError: if it failed.
            OSError: if the connection was lost, or the deadline has passed.
        """
        self._awaited = True
        await super().wait_ready()

    def _begin(self) -> None:
        """Shake hands, before a deadline."""
        if self._closing:
            self._lower.abort()
            return
        self._note_limits()
        self._move(Event.CONNECTED)
        self._set_deadline(self._settings.handshake_timeout, self._handshake_expired)
        ahead = self._read_ahead
        if ahead and (not self._settings.server_side or ahead[0] != _HANDSHAKE_RECORD):
            shown = ahead if len(ahead) <= _SHOWN else ahead[:_SHOWN] + b"..."
            self._handshake_failed(tls_error(f"plain text was received ahead of the TLS handshake: {shown!r}"))
            return
        if not self._settings.server_side:  # the client speaks first
            self._shake()
        elif ahead:
            self._received(memoryview(ahead))

    def _received(self, data: memoryview) -> None:
        """Take encrypted bytes; a hook for the receiving side."""
        raise NotImplementedError

    def _shake(self) -> None:
        """Go on with the handshake."""
        try:
            complete = self._engine.handshake()
        except Exception as exc:
            self._handshake_failed(exc)
            return
        self._send_output()
        if complete:
            self._verified()
        elif self._barren > NO_DATA_LIMIT:
            self._handshake_failed(tls_error(f"more than {NO_DATA_LIMIT} bytes of a handshake that is not complete"))

    def _verified(self) -> None:
        """Tell the protocol, then whoever waits; deliver once that one has run, an order that users rely on."""
        self._cancel_deadline()
        self._secure = True
        self._move(Event.VERIFIED)
        self._corked = True
        if not self._made:
            self._call_connection_made()
            self._repeat_pause()
        self._uncork()
        if not self._ready.done():
            self._ready.set_result(None)
        self._loop.call_soon(self._release_flow, context=self._context)

    def _release_flow(self) -> None:
        """Begin to deliver."""
        self._released = True
        self._update_flow()
        self._go_on()

    def _go_on(self) -> None:
        """Deliver what there is; a hook for the receiving side."""
        raise NotImplementedError

    def _handshake_expired(self) -> None:
        seconds = self._settings.handshake_timeout
        exc = ConnectionAbortedError(f"SSL handshake is taking longer than {seconds} seconds: aborting the connection")
        self._refuse(exc)
        self._force_close(exc)

    def _handshake_failed(self, exc: Exception) -> None:
        """Tell the peer why, as far as TLS does, and end."""
        self._refuse(exc)
        self._loss = exc
        self._closing = True
        self._move(Event.GIVE_UP)
        self._set_deadline(self._settings.shutdown_timeout, self._lower.abort)
        self._send_output()
        self._lower.close()

    def _refuse(self, exc: Exception) -> None:
        """Tell whoever waits for the handshake; on a server that is nobody, so the error is reported.

        A peer that leaves a server without having sent a byte, as port scans and health checks do, is no error.
        """
        exc.__traceback__ = None  # OpenSSL's errors need none, and it would keep this transport alive
        if not self._ready.done():
            self._ready.set_exception(exc)
            if self._settings.server_side and not self._awaited:
                self._ready.exception()  # retrieved
                if self._barren:
                    self._report(f"SSL handshake failed{self._circumstances(exc)}: {exc}", exc)

    def _circumstances(self, exc: Exception) -> str:
        """Return what makes one line of a log enough: asyncio's addition, and the peer's address if it has one."""
        verifying = " on verifying the certificate" if isinstance(exc, ssl.CertificateError) else ""
        peer = self.get_extra_info("peername")
        return f"{verifying} with {peer!r}" if peer else verifying
