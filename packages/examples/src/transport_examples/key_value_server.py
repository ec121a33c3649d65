"""A key-value store over TLS that keeps its limits and stops gracefully: the things that a real server has to do.

One command a line, one answer a line: `SET name value` or `GET name`. Talk to it with
`python -m transport_examples.key_value_client`, or with `openssl s_client -quiet -connect 127.0.0.1:8888`.

Who asks for too much, or is idle, is told and closed; who reads no answers is cut off; SIGTERM drains, with a deadline.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transport_abc import Protocol, Transport, get_running_loop
from transport_examples._certificates import run_tls_server

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class Limits:
    """What clients may ask for: numbers of connections and entries, bytes of a line and of unread answers, seconds."""

    connections: int = 100
    entries: int = 10_000
    line: int = 1024
    buffer: int = 65_536
    idle: float = 60.0
    grace: float = 10.0


@dataclass
class Store:
    """The values, and the sessions that use them."""

    limits: Limits
    values: dict[bytes, bytes] = field(default_factory=dict)
    sessions: set[Session] = field(default_factory=set)

    def answer(self, line: bytes) -> bytes:
        """Carry out one command."""
        match line.split(maxsplit=2):
            case [b"SET", name, value] if name in self.values or len(self.values) < self.limits.entries:
                self.values[name] = value
                return b"OK\n"
            case [b"SET", _, _]:
                return b"ERROR the store is full\n"
            case [b"GET", name]:
                return b"VALUE %b\n" % self.values[name] if name in self.values else b"NONE\n"
        return b"ERROR expected SET name value, or GET name\n"


class Session(Protocol):
    """One connection: whole lines in, answers out, and one timer for whatever is being waited for."""

    def __init__(self, store: Store) -> None:
        self.store, self.limits = store, store.limits
        self.received, self.farewell = bytearray(), b""
        self.unread = False  # more answers wait for the client than may

    def connection_made(self, transport: Transport) -> None:
        """Take part, or say that there are too many; called once the TLS handshake is complete."""
        self.transport = transport
        transport.set_write_buffer_limits(high=self.limits.buffer)
        self.timer = get_running_loop().call_later(self.limits.idle, self.waited_long_enough)
        self.store.sessions.add(self)
        if len(self.store.sessions) > self.limits.connections:
            self.end(b"ERROR too many connections\n")

    def data_received(self, data: bytes) -> None:
        """Collect; lines may come in pieces, or many at once."""
        if not self.farewell:
            self.received += data
            self.serve()

    def serve(self) -> None:
        """Answer whole lines as long as the client takes the answers, then end if that was asked for."""
        while not self.unread and 0 <= (end := self.received.find(b"\n")) <= self.limits.line:
            self.transport.write(self.store.answer(bytes(self.received[:end])))
            del self.received[: end + 1]
            self.restart_timer()
        if not self.unread and len(self.received) > self.limits.line:
            self.farewell = b"ERROR a line may have %d bytes\n" % self.limits.line
        if not self.unread and self.farewell:
            self.transport.write(self.farewell)
            self.transport.close()

    def end(self, farewell: bytes) -> None:
        """Take no more, answer what is here, say goodbye and close; the timer goes on, for clients that do not read."""
        if not self.farewell:
            self.farewell = farewell
            self.restart_timer()
            self.serve()

    def restart_timer(self) -> None:
        """Wait anew. A complete line does it; single bytes do not, or a client could stay forever with them."""
        self.timer.cancel()
        self.timer = get_running_loop().call_later(self.limits.idle, self.waited_long_enough)

    def waited_long_enough(self) -> None:
        """Say goodbye to a client that is silent; cut off one that does not take what it is sent."""
        if self.unread or self.farewell:
            self.transport.abort()
        else:
            self.end(b"ERROR idle for %g seconds\n" % self.limits.idle)

    def pause_writing(self) -> None:
        """Stop reading: what a client sends that does not read its answers would pile up here."""
        self.unread = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Answer what is here already, and read on unless that was too much again."""
        self.unread = False
        self.serve()
        if not self.unread:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        self.timer.cancel()
        self.store.sessions.remove(self)


async def serve(host: str, port: int, tls: ssl.SSLContext, limits: Limits) -> None:
    """Serve until SIGTERM, then drain."""
    loop, store, terminated = get_running_loop(), Store(limits), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, terminated.set)
    server = await loop.create_server(lambda: Session(store), host, port, ssl=tls, ssl_handshake_timeout=limits.grace)
    print("listening on", *(sock.getsockname() for sock in server.sockets), flush=True)
    try:
        await terminated.wait()
        server.close()
        for session in tuple(store.sessions):
            session.end(b"BYE the server stops\n")
        await asyncio.wait([asyncio.create_task(server.wait_closed())], timeout=limits.grace)
        print("stopped, cut off:", len(store.sessions), flush=True)
    finally:  # Ctrl-C, a cancellation, leads here at once
        server.close()
        for session in tuple(store.sessions):
            session.transport.abort()
    await server.wait_closed()


if __name__ == "__main__":
    run_tls_server(__doc__, serve, Limits)
