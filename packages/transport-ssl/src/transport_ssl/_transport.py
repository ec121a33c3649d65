"""The TLS transport: the protocol of the transport below, the transport of the protocol above.

Theory of operation. :mod:`transport_ssl._engine` turns bytes into bytes, :mod:`transport_ssl._states` knows what may
happen when; here they meet the two neighbours.

Receiving. The transport below fills the loop's shared receive buffer, with one piece in one turn of the loop. The piece
is fed to the engine, and what comes out is delivered before the call returns, so nothing decrypted is ever kept. When
the protocol pauses in the middle, the rest stays encrypted in the engine, and the transport below is paused.

Sending: see :mod:`transport_ssl._sending`.

Ending. ``close`` says ``close_notify`` after the last byte, drops what comes from then on, and waits for the peer's;
one deadline, which nothing prolongs, ends the wait. A connection that ends without the peer's ``close_notify`` may have
been cut by somebody in between (RFC 8446, section 6.1): that is an error, for ``connection_lost``, unless tolerated.

Not covered, as the ``ssl`` module has no means for it: early data, and key updates and renegotiation of our own.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

from transport_abc import BufferedProtocol
from transport_ssl._engine import PIECE
from transport_ssl._sending import SendingSide, tls_error
from transport_ssl._states import DELIVERING, WRITABLE, Event, State, after

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from transport_abc import BaseProtocol, TransportLoop
    from transport_ssl._engine import Engine

__all__ = ["HANDSHAKE_LIMIT", "Settings", "SslTransport"]

HANDSHAKE_LIMIT = 256 * 1024
"""Bytes that a peer may send before the handshake is complete."""


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


class SslTransport(SendingSide, BufferedProtocol):
    """A TLS connection over any stream transport; :class:`transport_ssl.SslPlugin` makes them.

    Args:
        loop: the loop that makes the callbacks.
        protocol: the protocol above; nothing of it is called before the peer is verified.
        settings: those of the connection.
        engine: made of the same context.
        upgrades: whether the protocol has had its ``connection_made``, from the transport below.
    """

    _start_tls_compatible = True  # asyncio's start_tls asks for it
    _state = State.NEW
    _flowing = False  # the state allows to deliver, and the protocol has not paused
    _secure = False  # the peer is verified
    _released = False  # who waited for the handshake has run
    _paused = False
    _awaited = False
    _farewell = False  # close_notify was said
    _lower_ended = False
    _shaken = 0  # bytes fed before the end of the handshake
    _deadline: asyncio.TimerHandle | None = None

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        settings: Settings,
        engine: Engine,
        *,
        upgrades: bool = False,
    ) -> None:
        super().__init__(loop, protocol, engine)
        self._settings = settings
        self._made = upgrades

    # -- what is known ---------------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what TLS knows, or else what the transport below knows.

        TLS knows ``sslcontext``, and after the handshake ``peercert``, ``cipher``, ``compression``, ``ssl_object``.
        """
        if name == "sslcontext":
            return self._settings.context
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
    def _ssl_protocol(self) -> SslTransport:
        """Return the object whose ``_sslcontext`` aiohttp looks for."""
        return self

    def _describe(self) -> list[str]:
        return [*super()._describe(), self._engine.sslobj.version() or "TLS", f"over={self._lower!r}"]

    # -- states and deadlines --------------------------------------------------------------------------------------

    def _move(self, event: Event) -> None:
        self._state = after(self._state, event)
        self._writable = self._state in WRITABLE
        self._update_flow()

    def _update_flow(self) -> None:
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
        """Shake hands before a deadline."""
        if self._closing:
            self._lower.abort()
            return
        self._memory = self._readiness.buffer[:PIECE]
        self._note_limits()
        self._move(Event.CONNECTED)
        self._set_deadline(self._settings.handshake_timeout, self._handshake_expired)
        self._shake()

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
        elif self._shaken > HANDSHAKE_LIMIT:
            self._handshake_failed(tls_error(f"more than {HANDSHAKE_LIMIT} bytes of a handshake that is not complete"))

    def _verified(self) -> None:
        """Tell the protocol, then whoever waits; deliver once that one has run, an order that users rely on."""
        self._cancel_deadline()
        self._secure = True
        self._move(Event.VERIFIED)
        self._corked = True
        if not self._made:
            self._call_connection_made()
        self._uncork()
        if not self._ready.done():
            self._ready.set_result(None)
        self._loop.call_soon(self._release_flow, context=self._context)

    def _release_flow(self) -> None:
        """Begin to deliver."""
        self._released = True
        self._update_flow()
        self._go_on()

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
                if self._shaken:
                    certificate = isinstance(exc, ssl.CertificateError)
                    verifying = " on verifying the certificate" if certificate else ""
                    self._report(f"SSL handshake failed{verifying}", exc)

    # -- from below ------------------------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> WriteableBuffer:
        """Return the loop's receive buffer; it is emptied before anything else can be received."""
        return self._memory

    def buffer_updated(self, nbytes: int) -> None:
        """Take encrypted bytes that were received into the buffer."""
        if self._flowing and nbytes <= PIECE and not self._foreign:
            self._engine.feed(self._memory[:nbytes])
            self._pump()
        else:
            self._run(self._received, self._memory[:nbytes])

    def data_received(self, data: bytes) -> None:
        """Take encrypted bytes, from a transport that does not ask for a buffer."""
        self._run(self._received, memoryview(data))

    def _received(self, data: memoryview) -> None:
        """Feed the engine in pieces, and do after each what the state asks for."""
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            if self._state is State.HANDSHAKE:
                self._shaken += len(piece)
                self._engine.feed(piece)
                self._shake()
            elif self._state in DELIVERING:
                self._engine.feed(piece)
                self._go_on()
            elif self._state is State.CLOSING:
                self._engine.feed(piece)
                self._discard()

    def _go_on(self) -> None:
        """Deliver what is there and may be delivered, then see to an end that came behind it."""
        if self._flowing:
            self._pump()
            if self._lower_ended and self._flowing:
                self._cut()

    def _pump(self) -> None:
        """Deliver what the engine has, then send what was written during it; the hot path."""
        self._corked = True
        try:
            while self._flowing and (self._fill_buffer() if self._buffered else self._deliver_data()):
                pass
        finally:
            self._corked = False
            if self._backlog:
                self._flush()
            elif self._engine.outgoing.pending:
                self._answer()

    def _deliver_data(self) -> bool:
        """Hand plain text to the protocol; return whether there may be more."""
        engine = self._engine
        try:
            data = engine.decrypt()
        except ssl.SSLError as exc:
            self._broken(exc)
            return False
        if not data:
            if engine.ended:
                self._peer_ended()
            return False
        try:
            self._protocol.data_received(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed("data_received", exc)
        return engine.more

    def _fill_buffer(self) -> bool:
        """Put plain text into a buffer of the protocol; return whether there may be more."""
        engine = self._engine
        try:
            buffer = memoryview(self._protocol.get_buffer(-1)).cast("B")
            if not len(buffer):
                raise RuntimeError("get_buffer() returned an empty buffer")
            if buffer.readonly:
                raise TypeError("get_buffer() returned a buffer that cannot be written to")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed("get_buffer", exc)
            return False
        try:
            count = engine.decrypt_into(buffer)
        except ssl.SSLError as exc:
            self._broken(exc)
            return False
        if not count:
            if engine.ended:
                self._peer_ended()
            return False
        try:
            self._protocol.buffer_updated(count)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed("buffer_updated", exc)
        return engine.more

    def _peer_ended(self) -> None:
        """Call ``eof_received``, and close unless the protocol wants to go on writing.

        In TLS 1.2 it cannot: each side has to close at once when the other does (RFC 5246, section 7.2.1).
        """
        self._move(Event.PEER_ENDED)
        keep_open = self._call("eof_received")
        if not keep_open or not self.can_write_eof():
            self.close()

    def eof_received(self) -> bool | None:
        """Take note that nothing follows from below; whether that is an end or a cut depends on what came before."""
        self._lower_ended = True
        self._run(self._end_of_lower)
        return not self._closing

    def _end_of_lower(self) -> None:
        if self._state is State.HANDSHAKE:
            self._handshake_failed(ConnectionResetError("the peer closed the connection during the TLS handshake"))
        elif self._state is State.CLOSING:
            self._move(Event.PEER_ENDED)
        else:
            self._go_on()

    def _cut(self) -> None:
        """End without the peer's ``close_notify``."""
        if self._settings.tolerant:
            self._peer_ended()
        else:
            text = "EOF occurred in violation of protocol: the peer ended the connection without close_notify"
            self._force_close(ssl.SSLEOFError(ssl.SSL_ERROR_EOF, text))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the loss of the transport below for that of this one."""
        if self._state is State.HANDSHAKE and not self._closing:
            self._refuse(exc or ConnectionAbortedError("the connection was closed during the TLS handshake"))
        self._give_up()
        super().connection_lost(exc)

    # -- receiving, as the protocol controls it --------------------------------------------------------------------

    def is_reading(self) -> bool:
        """Return True if the transport is receiving: neither paused nor closing."""
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        """Stop receiving, on the transport below as well."""
        if self.is_reading():
            self._paused = True
            self._update_flow()
            self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Receive again; what the engine still has is delivered in the next turn."""
        if self._paused:
            self._paused = False
            self._update_flow()
            self._lower.resume_reading()
            if self._engine.more or self._lower_ended:
                self._loop.call_soon(self._go_on, context=self._context)

    # -- the end ---------------------------------------------------------------------------------------------------

    def can_write_eof(self) -> bool:
        """Return True with TLS 1.3; in TLS 1.2 an end of one direction is the end of both."""
        return self._engine.sslobj.version() == "TLSv1.3"

    def write_eof(self) -> None:
        """Say ``close_notify`` after what was written, and go on receiving (RFC 8446, section 6.1).

        Raises:
            NotImplementedError: before TLS 1.3; see :meth:`can_write_eof`.
        """
        if not self.can_write_eof():
            raise NotImplementedError("TLS before version 1.3 cannot close its writing half alone")
        if not self._closing and not self._eof:
            self._eof = True
            self._move(Event.WRITE_EOF)
            self._say_farewell()

    def close(self) -> None:
        """Close: send what was written, say ``close_notify``, wait for the peer's until the deadline."""
        if self._closing:
            return
        if not self._secure:
            self._force_close(None)
            return
        self._closing = True
        self._move(Event.CLOSE)
        self._set_deadline(self._settings.shutdown_timeout, self._shutdown_expired)
        self._finish()
        if self._paused:
            self._lower.resume_reading()

    def _finish(self) -> None:
        """Go towards the end as far as possible now."""
        self._say_farewell()
        if self._state is State.ENDING or self._lower_ended:
            self._lower.close()
        else:
            self._discard()

    def _say_farewell(self) -> None:
        """Say ``close_notify`` once, behind everything that was written."""
        if self._backlog:
            self._flush()
        if not self._farewell and not self._backlog:
            self._farewell = True
            self._lower.write(self._engine.goodbye())

    def _discard(self) -> None:
        """Drop what the peer still sends, and end when it has said ``close_notify`` or something that is no TLS."""
        engine = self._engine
        try:
            while engine.decrypt() and engine.more:
                pass
            over = engine.ended
        except ssl.SSLError:
            over = True
        if not self._farewell:
            self._say_farewell()
        self._send_output()
        if over:
            self._move(Event.PEER_ENDED)
            self._lower.close()

    def _shutdown_expired(self) -> None:
        """End at the deadline; that is an error only if something that was written has not been sent."""
        unsent = self.get_write_buffer_size()
        self._force_close(TimeoutError("SSL shutdown timed out") if unsent else None)

    def _force_close(self, exc: BaseException | None) -> None:
        if not self._conn_lost:
            self._give_up()
            super()._force_close(exc)

    def _give_up(self) -> None:
        """Do nothing more but wait for the end of the transport below."""
        self._cancel_deadline()
        self._drop_backlog()
        self._move(Event.GIVE_UP)
