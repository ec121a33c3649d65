"""The TLS engine: an ``SSLObject`` between two memory buffers, with no transport in sight.

Theory of operation. OpenSSL reads records from one ``MemoryBIO`` and writes records to another; nothing happens unless
one of the methods here is called. Three properties of OpenSSL and of the ``ssl`` module shape this file:

* ``read`` returns the plain text of one record at most, and raises ``SSLWantReadError`` when no record is complete.
  Raising costs more than decrypting a small record, so :meth:`Engine.decrypt` looks at what is pending instead.
* ``write`` encrypts all that it is given, as many records as it takes.
* ``unwrap`` sends ``close_notify`` and then looks for the peer's; if it finds data instead, the connection is
  unusable. As the peer may go on sending, :meth:`Engine.goodbye` hides from it what has come.

A ``MemoryBIO`` never shrinks: it keeps room for the most that was in it at one time. An engine is therefore fed in
pieces of at most :data:`PIECE` bytes, and encrypts one record at a time.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["PIECE", "RECORD", "Engine"]

RECORD = 16 * 1024
"""Bytes of plain text in the largest record (RFC 8446, section 5.1)."""

PIECE = 64 * 1024
"""Bytes of the largest piece to feed."""


class Engine:
    """Encrypt and decrypt.

    Args:
        context: the settings and the certificates.
        server_side: on which side of the handshake this is.
        server_hostname: the name that the server's certificate must be valid for, on the client's side.
        session: of an earlier connection with the same context, to be resumed, on the client's side.
    """

    __slots__ = (
        *("_fill", "_held", "_read", "_trouble"),
        *("encrypt", "ended", "feed", "incoming", "more", "outgoing", "sslobj", "take"),
    )

    def __init__(
        self,
        context: ssl.SSLContext,
        server_side: bool,
        server_hostname: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.sslobj = sslobj = context.wrap_bio(self.incoming, self.outgoing, server_side, server_hostname, session)
        # What SSLObject's methods call; they do nothing else, and cost a small request a fortieth of its instructions.
        records: Any = getattr(sslobj, "_sslobj", sslobj) if type(sslobj) is ssl.SSLObject else sslobj
        self.feed: Callable[[ReadableBuffer], int] = self.incoming.write
        """Take encrypted bytes from the peer, at most :data:`PIECE`."""
        self.take = self.outgoing.read
        """Return the encrypted bytes that shall go to the peer, b"" if there are none."""
        self._read: Callable[[int], bytes] = records.read
        self._fill: Callable[[int, WriteableBuffer], int] = records.read
        self.encrypt: Callable[[ReadableBuffer], int] = records.write
        """Encrypt at most :data:`RECORD`, at least one byte; what shall go to the peer waits to be taken.

        Raises:
            ssl.SSLWantReadError: if the peer renegotiates, so that nothing can be sent before more is fed.
            ssl.SSLError: if the connection is unusable.
        """
        self._held: bytes | None = None
        self._trouble: ssl.SSLError | None = None
        self.more = False
        """Whether another :meth:`decrypt` may yield something without more being fed."""
        self.ended = False
        """Whether the peer has said ``close_notify``."""

    def handshake(self) -> bool:
        """Go on with the handshake as far as what was fed allows, and return whether it is complete.

        Raises:
            ssl.SSLError: if it failed; an alert for the peer may wait to be taken.
        """
        try:
            self.sslobj.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    # -- receiving -------------------------------------------------------------------------------------------------

    def decrypt(self) -> bytes:
        """Return the plain text of the complete records, b"" if there are none or the peer has ended.

        Raises:
            ssl.SSLError: if the peer broke the protocol; what it sent before was returned by the call before.
        """
        if self._held or self._trouble:
            return self._take_held()
        try:
            data = self._read(RECORD)
        except ssl.SSLWantReadError:
            self.more = False
            return b""
        except ssl.SSLZeroReturnError:
            data = b""
        self.more = self.incoming.pending > 0
        if not data:
            self.ended = True
        elif self.more:
            return self._decrypt_rest(data)
        return data

    def _decrypt_rest(self, first: bytes) -> bytes:
        """Join the first of several records with the others; an end or an error is left to the next call."""
        records = [first]
        incoming, read = self.incoming, self._read
        try:
            while incoming.pending:
                record = read(RECORD)
                if not record:
                    return b"".join(records)
                records.append(record)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            return b"".join(records)
        except ssl.SSLError as exc:
            self._trouble = exc
            return b"".join(records)
        self.more = False
        return b"".join(records)

    def decrypt_into(self, buffer: Any) -> int:
        """Put the plain text of one record into a buffer; return the number of bytes, 0 if there are none.

        Args:
            buffer: writable and not empty. What does not fit is put into the next one.

        Raises:
            ssl.SSLError: if the peer broke the protocol.
            TypeError: if the buffer cannot be written to.
        """
        if self._held or self._trouble:
            return self._put_held(buffer)
        try:
            count = self._fill(RECORD, buffer)
        except ssl.SSLWantReadError:
            self.more = False
            return 0
        except ssl.SSLZeroReturnError:
            count = 0
        self.more = self.incoming.pending > 0 or (count >= len(buffer) and self.sslobj.pending() > 0)
        self.ended = not count
        return count

    def _put_held(self, buffer: WriteableBuffer) -> int:
        data = self._take_held()
        view = memoryview(buffer).cast("B")
        count = min(len(data), len(view))
        view[:count] = data[:count]
        self._held = data[count:] or None
        return count

    def _take_held(self) -> bytes:
        """Return what :meth:`goodbye` has set aside, or raise what :meth:`decrypt` has."""
        self.more = True
        if self._held:
            data, self._held = self._held, None
            return data
        trouble, self._trouble = self._trouble, None
        assert trouble is not None
        raise trouble

    # -- sending ---------------------------------------------------------------------------------------------------

    def encrypt_long(self, data: memoryview) -> tuple[list[bytes], memoryview]:
        """Encrypt any number of bytes, and return what shall go to the peer, and the part that must wait.

        Raises:
            ssl.SSLError: if the connection is unusable.
        """
        pieces = []
        try:
            while data:
                data = data[self.encrypt(data[:RECORD]) :]
                pieces.append(self.take())
        except ssl.SSLWantReadError:
            pass
        return pieces, data

    def goodbye(self) -> bytes:
        """Say ``close_notify``, and return what shall go to the peer; what the peer sends can still be decrypted."""
        while self.sslobj.pending():
            self._held = (self._held or b"") + self._read(RECORD)
        unread = self.incoming.read()
        with suppress(ssl.SSLError):  # most often SSLWantReadError: the peer has not said it yet
            self.sslobj.unwrap()
        self.feed(unread)
        self.more = True
        return self.take()
