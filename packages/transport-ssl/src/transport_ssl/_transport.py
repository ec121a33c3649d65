"""The TLS transport: the protocol of the transport below, the transport of the protocol above.

Theory of operation. :mod:`transport_ssl._engine` turns bytes into bytes, :mod:`transport_ssl._states` knows what may
happen when, :mod:`transport_ssl._handshake` and :mod:`transport_ssl._sending` are the beginning and the way out. Here
are the way in, and the end.

Receiving. What the transport below hands over is fed to the engine, and what comes out is delivered before the call
returns, so nothing decrypted is ever kept. When the protocol pauses in the middle, the rest stays encrypted in the
engine, and the transport below is paused.

A transport of this project hands over ``bytes``, at most 120 KiB, whose memory is free for the next when the call is
over. Being asked for a buffer, as a BufferedProtocol is, saves no allocation and costs 2500 instructions a request. On
transports of others it bounds what is received: see :mod:`transport_ssl._foreign`.

Ending. ``close`` says ``close_notify`` after the last byte, drops what comes from then on, and waits for the peer's;
one deadline, which nothing prolongs, ends the wait. A connection that ends without the peer's ``close_notify`` may have
been cut by somebody in between (RFC 8446, section 6.1): that is an error, for ``connection_lost``, unless tolerated.

Not covered, as the ``ssl`` module has no means for it: early data, and key updates and renegotiation of our own.
"""

from __future__ import annotations

import ssl
from typing import Any

from transport_ssl._engine import PIECE
from transport_ssl._foreign import Receiver
from transport_ssl._handshake import NO_DATA_LIMIT, HandshakingSide
from transport_ssl._sending import tls_error
from transport_ssl._states import DELIVERING, Event, State

__all__ = ["SslTransport"]


class SslTransport(HandshakingSide):
    """A TLS connection over any stream transport; :class:`transport_ssl.SslPlugin` makes them."""

    __slots__ = ()

    _start_tls_compatible = True  # asyncio's start_tls asks for it

    # -- from below ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._foreign:
            self._lower.set_protocol(Receiver(self, self._receive_foreign, self._readiness.buffer[:PIECE]))
        super()._begin()

    def data_received(self, data: bytes) -> None:  # noqa: C901 - a call costs more than what it would hold
        """Take encrypted bytes, deliver what they yield, and send what was written during that; the hot path."""
        fed = len(data)
        if not self._flowing or fed > PIECE:
            self._received(memoryview(data))
            return
        engine = self._engine
        engine.feed(data)
        self._corked = True
        try:
            while self._flowing:
                if self._buffered:
                    if not self._fill_buffer(fed):
                        return
                    fed = 0
                    continue
                try:
                    plain = engine.decrypt()
                except ssl.SSLError as exc:
                    self._broken(exc)
                    return
                if not plain:
                    self._got_nothing(fed)
                    return
                self._barren = 0
                try:
                    self._protocol.data_received(plain)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as exc:
                    self._callback_failed("data_received", exc)
                if not engine.more:
                    return
                fed = 0
        finally:
            self._corked = False
            if self._backlog:
                self._flush()
            elif engine.outgoing.pending:
                self._answer()

    def _receive_foreign(self, data: bytes | memoryview) -> None:
        """Take encrypted bytes from a transport of another implementation."""
        self._run(self._received, memoryview(data))

    def _received(self, data: memoryview) -> None:
        """Feed the engine in pieces, and do after each what the state asks for."""
        for start in range(0, len(data), PIECE):
            if self._state is State.HANDSHAKE:
                step = self._shake
            elif self._state in DELIVERING:
                step = self._go_on
            elif self._state is State.CLOSING:
                step = self._discard
            else:
                return
            piece = data[start : start + PIECE]
            self._engine.feed(piece)
            self._barren += len(piece)
            step()

    def _go_on(self) -> None:
        """Deliver what is there and may be delivered, then see to an end that came behind it."""
        if self._flowing and (self._engine.more or self._engine.incoming.pending):
            self.data_received(b"")
        if self._flowing and self._lower_ended:
            self._cut()

    def _fill_buffer(self, fed: int) -> bool:
        """Put plain text into a buffer of the protocol; return whether there may be more."""
        engine = self._engine
        buffer = self._ask_for_buffer()
        if buffer is None:
            return False
        try:
            count = engine.decrypt_into(buffer)
        except ssl.SSLError as exc:
            self._broken(exc)
            return False
        except (TypeError, ValueError, BufferError) as exc:  # read-only, released, or not in one piece
            self._callback_failed("get_buffer", exc)
            return False
        del buffer  # the protocol may want to resize it
        if not count:
            self._got_nothing(fed)
            return False
        self._barren = 0
        try:
            self._protocol.buffer_updated(count)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed("buffer_updated", exc)
        return engine.more

    def _ask_for_buffer(self) -> Any:
        """Return a buffer of the protocol, None if it raised, closed or paused instead."""
        try:
            buffer = self._protocol.get_buffer(-1)
            if type(buffer) is not memoryview and type(buffer) is not bytearray:
                buffer = memoryview(buffer).cast("B")
            if not len(buffer):
                raise RuntimeError("get_buffer() returned an empty buffer")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed("get_buffer", exc)
            return None
        return buffer if self._flowing else None

    def _got_nothing(self, fed: int) -> None:
        """See why there is no plain text: the end, a part of a record, or TLS busy with itself, which has its limit."""
        self._barren += fed
        if self._engine.ended:
            self._peer_ended()
        elif self._barren > NO_DATA_LIMIT:
            self._broken(tls_error(f"more than {NO_DATA_LIMIT} bytes in a row without data"))

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
        """End without the peer's ``close_notify``; to a peer that says none, asyncio says none either."""
        if self._settings.tolerant:
            self._farewell = True
            self._peer_ended()
        else:
            text = "EOF occurred in violation of protocol: the peer ended the connection without close_notify"
            self._force_close(ssl.SSLEOFError(ssl.SSL_ERROR_EOF, text))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the loss of the transport below for that of this one."""
        if exc is not None and self._state is State.HANDSHAKE and not self._closing:
            self._refuse(exc)  # without an error this side has closed it, which is news to nobody but who waits
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
        if over and self._state is State.CLOSING:
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
