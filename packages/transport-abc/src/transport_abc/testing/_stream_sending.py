"""Checks of a stream: much data, its order, and the end of it."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import BufferedRecorder, Recorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transport_abc._transports import Transport
    from transport_abc.testing._check import Check
    from transport_abc.testing._recorders import StreamRecorder
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)

_BULK = 8 * 2**20
"""Bytes of a large transfer."""


def _pieces(seed: int, size: int) -> Iterator[bytes]:
    """Cut random bytes into pieces of random sizes, most of them small."""
    random_ = random.Random(seed)
    while size:
        piece = random_.randbytes(
            min(size, int(random_.choice((1, 10, 1000, 20_000, 400_000)) * (1 + random_.random())))
        )
        size -= len(piece)
        yield piece


def _send(transport: Transport, seed: int) -> str:
    """Write a large amount without looking at flow control; return its digest."""
    digest = hashlib.sha256()
    for piece in _pieces(seed, _BULK):
        digest.update(piece)
        half = len(piece) // 2
        transport.write(piece) if seed % 2 else transport.writelines([piece[:half], piece[half:]])
    return digest.hexdigest()


async def _expect_digest(recorder: StreamRecorder, digest: str) -> None:
    await recorder.received(_BULK)
    expect_equal(hashlib.sha256(recorder.data).hexdigest(), digest, f"the SHA-256 of {len(recorder.data)} bytes")


@check()
async def large_transfers_arrive_whole(trial: StreamTrial) -> None:
    """Megabytes, written in pieces of all sizes, arrive whole and in order."""
    for seed in (1, 2):
        reader = Recorder()
        left, _ = await trial.pair(None, reader)
        await _expect_digest(reader, _send(left, seed))


@check(needs=("duplex",))
async def large_transfers_arrive_whole_in_both_directions(trial: StreamTrial) -> None:
    """Megabytes in both directions at once arrive whole and in order."""
    writer, reader = BufferedRecorder(), Recorder()
    left, right = await trial.pair(writer, reader)
    there, back = _send(left, 3), _send(right, 4)
    await _expect_digest(reader, there)
    await _expect_digest(writer, back)


@check()
async def flow_control_suffices_for_a_large_transfer(trial: StreamTrial) -> None:
    """A writer that writes only between resume_writing and pause_writing gets everything across, in order."""
    pieces = _pieces(5, _BULK)
    digest = hashlib.sha256(b"".join(_pieces(5, _BULK))).hexdigest()

    def go_on() -> None:
        for piece in pieces:
            left.write(piece)
            if writer.paused:
                return

    writer, reader = Recorder(resume_writing=go_on), Recorder()
    left, _ = await trial.pair(writer, reader)
    go_on()
    await _expect_digest(reader, digest)
    expect_equal(writer.count("resume_writing"), writer.count("pause_writing"), "calls of resume_writing()")


@check()
async def writes_keep_their_order(trial: StreamTrial) -> None:
    """write() and writelines(), before, while and after something waits to be sent, keep their order."""
    reader = Recorder()
    left, right, size = await trial.filled_pair(None, reader)
    expected = b""
    for number in range(500):
        word = b"<%d>" % number
        left.write(word) if number % 3 else left.writelines([word[:1], bytearray(word[1:])])
        expected += word
    right.resume_reading()
    await reader.received(size + len(expected))
    left.write(b"last")
    await reader.received(size + len(expected) + 4)
    expect_equal(bytes(reader.data[size:]), expected + b"last", "what arrived")


@check()
async def writing_in_connection_made(trial: StreamTrial) -> None:
    """A protocol may write in connection_made."""
    reader = Recorder()
    await trial.pair(Recorder(connection_made=lambda transport: transport.write(b"hello")), reader)
    await reader.received(5)
    expect_equal(bytes(reader.data), b"hello", "the bytes received")


@check(needs=("duplex",))
async def writing_in_data_received(trial: StreamTrial) -> None:
    """A protocol may answer in data_received: an echo."""
    client, server = Recorder(), Recorder(data_received=lambda data: server.transport.write(data))
    left, _ = await trial.pair(client, server)
    for number in range(1, 51):
        left.write(b"echo!")
        await client.received(5 * number)
    expect_equal(bytes(client.data), b"echo!" * 50, "the bytes received")


def _refuses(transport: Transport, method: str, argument: Any) -> None:
    """Expect a RuntimeError."""
    try:
        getattr(transport, method)(argument)
    except RuntimeError:
        return
    raise CheckFailed(f"{method}() was taken after write_eof()")


@check(needs=("half_close",))
async def nothing_can_be_written_after_write_eof(trial: StreamTrial) -> None:
    """write() and writelines() raise RuntimeError after write_eof()."""
    reader = Recorder(eof_received=lambda: True)
    left, _ = await trial.pair(None, reader)
    left.write_eof()
    _refuses(left, "write", b"late")
    _refuses(left, "write", bytearray(b"late"))
    _refuses(left, "writelines", [b"late"])
    await reader.called("eof_received")
    _refuses(left, "write", b"late")
    expect_equal(bytes(reader.data), b"", "the bytes received")


@check(needs=("half_close",))
async def write_eof_sends_what_is_buffered(trial: StreamTrial) -> None:
    """The end of file follows what was written before it; calling write_eof() twice changes nothing."""
    reader = Recorder(eof_received=lambda: True)
    left, right, size = await trial.filled_pair(None, reader)
    left.write_eof()
    left.write_eof()
    right.resume_reading()
    await reader.called("eof_received")
    left.write_eof()
    expect_equal(len(reader.data), size, "bytes received before the end of file")
    expect(not left.is_closing(), "write_eof() closed the transport")


@check(needs=("half_close",))
async def close_after_write_eof_sends_what_is_buffered(trial: StreamTrial) -> None:
    """close() after write_eof() still sends everything, and connection_lost(None) follows."""
    writer, reader = Recorder(), Recorder()
    left, right, size = await trial.filled_pair(writer, reader)
    left.write_eof()
    left.close()
    right.resume_reading()
    expect_equal(await writer.lost(), None, "the argument of connection_lost()")
    await reader.lost()
    expect_equal(len(reader.data), size, "bytes received")
