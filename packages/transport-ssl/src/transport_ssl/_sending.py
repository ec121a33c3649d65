"""The sending half of the TLS transport: what is written becomes few records, and goes to the transport below.

Theory of operation. A record costs about a microsecond and 22 bytes, a system call several; so what is written in one
turn of the loop is collected, and leaves in as few records as possible:

* what is written during a delivery (from within ``data_received``) at the end of the delivery: an answer does not wait;
* everything else at the next turn of the loop;
* as soon as there is enough for a full record, or for ``pause_writing``: a write that makes the buffer cross its
  high-water mark is sent at once, and the transport below, whose marks are those of this transport, notices.

While the peer of a TLS 1.2 connection renegotiates, nothing can be encrypted. What is written meanwhile stays in the
backlog, and the protocol is asked to pause, whatever the size.

TLS itself has something to say now and then: it answers a key update, for example. A peer that makes it answer and does
not read the answers is cut off at :data:`ANSWER_LIMIT`.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from transport_abc import WrapperTransport
from transport_ssl._engine import RECORD, Engine

if TYPE_CHECKING:
    import asyncio

    from _typeshed import ReadableBuffer

    from transport_abc import BaseProtocol, TransportLoop

__all__ = ["ANSWER_LIMIT", "SendingSide", "tls_error"]

ANSWER_LIMIT = 64 * 1024
"""Bytes of answers of TLS itself that a peer may ask for without reading them."""


class SendingSide(WrapperTransport):
    """Collect, encrypt and send."""

    __slots__ = (
        *("_answered", "_backlog", "_backlog_size", "_blocked", "_budget", "_congested", "_corked", "_engine"),
        *("_farewell", "_high", "_most", "_pauses", "_writable"),
    )

    def __init__(self, loop: TransportLoop, protocol: BaseProtocol | asyncio.BaseProtocol, engine: Engine) -> None:
        super().__init__(loop, protocol)
        self._engine = engine
        self._backlog: list[bytes] = []
        self._backlog_size = 0
        self._writable = False  # the state of the connection allows to send
        self._corked = False  # something will flush the backlog
        self._blocked = False  # the peer renegotiates
        self._congested = False  # blocked, or the transport below had bytes in its buffer
        self._most = 0  # bytes to collect before they are sent
        self._budget = 0  # the same, with regard to what is in the buffer of the transport below
        self._high = 0
        self._pauses = 0  # reasons for which the protocol must not write
        self._answered = 0
        self._farewell = False  # close_notify was said

    # -- what the protocol writes ----------------------------------------------------------------------------------

    def write(self, data: ReadableBuffer) -> None:
        """Send bytes; see :class:`transport_abc.WriteTransport`."""
        if self._writable and type(data) is bytes and data:
            self._backlog.append(data)
            self._backlog_size = size = self._backlog_size + len(data)
            if size > self._budget:
                self._flush()
            elif not self._corked:
                self._cork()
        else:
            super().write(data)

    def _send(self, data: bytes | memoryview) -> None:
        """Collect what is not ``bytes``, or is written before the handshake is complete; do not copy large pieces."""
        if self._writable and len(data) > RECORD and not self._backlog:
            self._send_long(data)
        elif self._writable:
            self.write(bytes(data))
        else:
            self._backlog.append(bytes(data))
            self._backlog_size += len(data)

    def _cork(self) -> None:
        """Collect until the next turn of the loop."""
        self._corked = True
        self._loop.call_soon(self._uncork, context=self._context)

    def _uncork(self) -> None:
        """Send what was collected, or else what TLS itself has to say."""
        self._corked = False
        if self._backlog:
            self._flush()
        elif self._engine.outgoing.pending:
            self._answer()

    def _flush(self) -> None:
        """Encrypt what was collected and send it."""
        backlog, size = self._backlog, self._backlog_size
        data = backlog[0] if len(backlog) == 1 else b"".join(backlog)
        backlog.clear()
        self._backlog_size = 0
        if size > RECORD:
            self._send_long(data)
            return
        engine, lower = self._engine, self._lower
        try:
            engine.encrypt(data)
        except ssl.SSLError as exc:
            self._not_sent(data, exc)
            return
        lower.write(engine.take())
        if self._congested or lower.get_write_buffer_size():
            self._after_sending()

    def _send_long(self, data: bytes | memoryview) -> None:
        """Encrypt what needs several records, and send it."""
        try:
            pieces, rest = self._engine.encrypt_long(memoryview(data))
        except ssl.SSLError as exc:
            self._not_sent(b"", exc)
            return
        if self._foreign:  # asyncio's writelines() forgets to pause: CVE-2024-12254
            self._lower.write(b"".join(pieces))
        else:
            self._lower.writelines(pieces)
        if rest:
            self._block(bytes(rest))
        else:
            self._after_sending()

    def _not_sent(self, data: bytes, exc: ssl.SSLError) -> None:
        if isinstance(exc, ssl.SSLWantReadError):
            self._block(data)
        else:
            self._broken(exc)

    def _block(self, data: bytes) -> None:
        """Keep bytes until the peer's renegotiation is over, and ask the protocol to write no more."""
        self._send_output()  # our part of the renegotiation
        self._backlog.append(data)
        self._backlog_size = len(data)
        if not self._blocked:
            self._blocked = self._congested = True
            self.pause_writing()

    def _after_sending(self) -> None:
        """Let the protocol go on if it was blocked, and collect less while the buffer below is not empty."""
        if self._blocked:
            self._blocked = False
            self.resume_writing()
        size = self._lower.get_write_buffer_size()
        self._congested = size > 0
        self._budget = self._most if self._pauses or not size else min(self._most, max(0, self._high - size))

    def _drop_backlog(self) -> None:
        self._backlog.clear()
        self._backlog_size = 0

    # -- what TLS itself has to say --------------------------------------------------------------------------------

    def _send_output(self) -> None:
        """Send what TLS itself has to say, if anything."""
        if self._engine.outgoing.pending:
            self._lower.write(self._engine.take())

    def _answer(self) -> None:
        """Send what the peer made TLS say, unless it asks for ever more and reads nothing."""
        waiting = self._lower.get_write_buffer_size()
        self._answered = self._answered + self._engine.outgoing.pending if waiting else 0
        if self._answered > ANSWER_LIMIT:
            self._force_close(tls_error(f"more than {ANSWER_LIMIT} bytes of answers that the peer does not read"))
        else:
            self._send_output()

    def _broken(self, exc: ssl.SSLError) -> None:
        """End because the peer broke the protocol; the alert, if there is one, still goes out."""
        exc.__traceback__ = None
        self._send_output()
        self._force_close(exc)

    # -- flow control ----------------------------------------------------------------------------------------------

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent, some of them encrypted already."""
        return self._backlog_size + super().get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks of the write buffer; see :class:`transport_abc.WriteTransport`."""
        super().set_write_buffer_limits(high, low)
        self._note_limits()
        if self._backlog_size > self._budget and self._writable:
            self._flush()

    def _note_limits(self) -> None:
        self._high = self._lower.get_write_buffer_limits()[1]
        self._most = min(RECORD, self._high)
        self._after_sending()

    def pause_writing(self) -> None:
        """Count one more reason for which the protocol must not write; tell it if it is the first."""
        self._pauses += 1
        if self._pauses == 1:
            super().pause_writing()

    def _repeat_pause(self) -> None:
        """Tell a protocol that has just got its ``connection_made`` what it missed."""
        if self._pauses:
            super().pause_writing()

    def resume_writing(self) -> None:
        """Count one reason less, and tell the protocol if it was the last."""
        self._pauses = max(0, self._pauses - 1)
        if not self._pauses:
            super().resume_writing()


def tls_error(text: str) -> ssl.SSLError:
    """Make an error of TLS that OpenSSL did not find."""
    return ssl.SSLError(ssl.SSL_ERROR_SSL, text)
