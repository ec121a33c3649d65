"""Two protocols that do anything at any time: whatever they do, order, data and ends hold.

Each seed makes one connection. Both ends write, pause, resume, change protocols, end, close and abort, at random, from
within callbacks and between them. What is looked at is what no single test can try in all combinations: the order of
callbacks, that what arrives is what was written, in order, that an end in good order loses nothing, and that nothing is
reported and nothing hangs.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests.transport_ssl.support import Authority, connect, serving
from transport_abc import BaseProtocol, BufferedProtocol, Protocol
from transport_ssl import SslPlugin, SslTransport

Run = Callable[[Any], Any]
SEEDS = range(60)
MOST = 200
"""Calls that one side makes; it answers every callback, so two sides might go on for ever."""


class Side:
    """One end of a connection, whose protocols come and go."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.transport: SslTransport | None = None
        self.written, self.received = bytearray(), bytearray()
        self.events: list[str] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.ended = False
        """It closed or aborted by itself."""
        self._calls = self._depth = 0
        self._paused = False

    # -- what it is told -----------------------------------------------------------------------------------------------

    def made(self, transport: SslTransport) -> None:
        assert self.events == []
        self.transport = transport
        self.happened("made")

    def took(self, data: bytes | bytearray) -> None:
        assert data
        assert not {"eof", "lost"} & set(self.events)
        assert not self.ended, "data behind close() or abort()"
        self.received += data
        self.happened("data")

    def eof(self) -> bool:
        assert "eof" not in self.events
        assert not self.ended
        self.happened("eof")
        return self.chance.random() < 0.5

    def pausing(self, paused: bool) -> None:
        assert self._paused is not paused
        self._paused = paused
        self.happened("flow")

    def happened(self, event: str, exc: Exception | None = None) -> None:
        assert "lost" not in self.events
        assert event == "made" or "made" in self.events
        self.events.append(event)
        self.act()
        if event == "lost":
            self.lost.set_result(exc)

    # -- what it does --------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """Do some of everything, unless this is the answer to an answer to an answer."""
        if self._depth < 3:
            self._depth += 1
            for _ in range(self.chance.randrange(3)):
                if self.transport is not None and self._calls < MOST:
                    self._calls += 1
                    self.chance.choice(ACTIONS)(self, self.transport)
            self._depth -= 1

    def data(self, *sizes: int) -> bytes:
        return self.chance.randbytes(self.chance.choice(sizes))

    def write(self, transport: SslTransport) -> None:
        data = self.data(0, 1, 10, 1000, 16384, 16385, 70_000, 300_000)
        self._write(transport, data, lambda: transport.write(bytearray(data) if self.chance.random() < 0.3 else data))

    def write_lines(self, transport: SslTransport) -> None:
        lines = [self.data(0, 1, 500, 20_000) for _ in range(self.chance.randrange(5))]
        self._write(transport, b"".join(lines), lambda: transport.writelines(lines))

    def _write(self, transport: SslTransport, data: bytes, write: Callable[[], None]) -> None:
        if self._eof_written:
            with pytest.raises(RuntimeError, match="after write_eof"):
                write() if data else transport.write(b"data")
            return
        if not transport.is_closing():  # before: writing may call pause_writing(), which writes
            self.written += data
        write()

    _eof_written = False

    def write_eof(self, transport: SslTransport) -> None:
        if not transport.can_write_eof():
            with pytest.raises(NotImplementedError):
                transport.write_eof()
        else:
            self._eof_written |= not transport.is_closing()
            transport.write_eof()

    def close(self, transport: SslTransport) -> None:
        self.ended = True
        transport.close()
        assert transport.is_closing()

    def abort(self, transport: SslTransport) -> None:
        self.ended = True
        transport.abort()
        assert transport.is_closing()

    def change_protocol(self, transport: SslTransport) -> None:
        if "lost" not in self.events:
            transport.set_protocol(self.protocol())

    def change_limits(self, transport: SslTransport) -> None:
        transport.set_write_buffer_limits(self.chance.choice([None, 0, 1, 1000, 100_000]))

    def look(self, transport: SslTransport) -> None:
        for name in ("peername", "socket", "cipher", "peercert", "ssl_object", "close_notify", "nonsense"):
            transport.get_extra_info(name)
        assert repr(transport)
        assert transport.get_write_buffer_size() >= 0
        assert not (transport.is_reading() and transport.is_closing())

    def protocol(self) -> BaseProtocol:
        return (Plain if self.chance.random() < 0.5 else Buffered)(self)


ACTIONS: list[Callable[[Side, SslTransport], None]] = [
    *[Side.write] * 8,
    *[Side.write_lines] * 3,
    *[lambda _, transport: transport.pause_reading()] * 3,
    *[lambda _, transport: transport.resume_reading()] * 4,
    *[Side.change_protocol, Side.look] * 2,
    *(Side.change_limits, Side.write_eof, Side.close, Side.abort),
]


class _Told:
    def __init__(self, side: Side) -> None:
        self.side = side
        self.buffer = bytearray(side.chance.choice([1, 7, 100, 5000, 70_000]))

    def connection_made(self, transport: Any) -> None:
        self.side.made(transport)

    def eof_received(self) -> bool:
        return self.side.eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.side.happened("lost", exc)

    def pause_writing(self) -> None:
        self.side.pausing(True)

    def resume_writing(self) -> None:
        self.side.pausing(False)


class Plain(_Told, Protocol):
    """Tell the side."""

    def data_received(self, data: bytes) -> None:
        self.side.took(data)


class Buffered(_Told, BufferedProtocol):
    """Tell the side, of whatever fits into a buffer."""

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.side.took(self.buffer[:nbytes])


async def play(chance: random.Random, sides: tuple[Side, Side]) -> None:
    """Let both sides act between callbacks, then end what is left."""
    for _ in range(100):
        await asyncio.sleep(0 if chance.random() < 0.7 else 0.001)
        chance.choice(sides).act()
    for side in sides:
        if side.transport is not None and not side.lost.done():
            side.transport.resume_reading()
            side.close(side.transport)
    for side in sides:
        if side.transport is not None:
            await side.lost


def complete(receiver: Side, sender: Side) -> bool:
    """Tell whether everything must have arrived: the receiver saw an end in good order."""
    assert receiver.transport is not None
    return "eof" in receiver.events and receiver.transport.get_extra_info("close_notify") is True


@pytest.mark.parametrize("seed", SEEDS)
def test_order_data_and_ends_hold(run: Run, authority: Authority, seed: int) -> None:
    async def main() -> None:
        reports: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, report: reports.append(report))
        chance = random.Random(seed)
        near, far = sides = Side(chance), Side(chance)
        tls = chance.choice([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
        async with serving(far.protocol, authority.server(tls=tls), ssl_shutdown_timeout=0.5) as address:
            try:
                await connect(
                    near.protocol(), authority.client(), address, plugin=SslPlugin(), ssl_shutdown_timeout=0.5
                )
            except OSError:  # the other side aborted at once
                assert far.ended
            async with asyncio.timeout(20):
                await play(chance, sides)
        for receiver, sender in ((near, far), (far, near)):
            assert sender.written.startswith(receiver.received)
            if receiver.transport is not None and complete(receiver, sender):
                assert receiver.received == sender.written
        assert [report for report in reports if not report["message"].startswith("SSL handshake failed")] == []

    run(main())
