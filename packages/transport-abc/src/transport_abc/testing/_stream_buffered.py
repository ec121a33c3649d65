"""Checks of a stream: protocols that own the memory which they receive into."""

from __future__ import annotations

import array
import itertools
import mmap
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import check_into, expect, expect_equal
from transport_abc.testing._recorders import BufferedRecorder, Recorder, StreamRecorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)

_DATA = bytes(range(251)) * 2000  # 502,000 bytes; no power of two, so that a shift is seen


async def _expect_filled(trial: StreamTrial, buffer: Any, data: bytes = _DATA) -> BufferedRecorder:
    """Receive into a buffer of the protocol and compare."""
    reader = BufferedRecorder(buffer)
    left, _ = await trial.pair(None, reader)
    left.write(data)
    await reader.received(len(data))
    expect(bytes(reader.data) == data, f"{type(buffer)!r} was filled with other bytes than were sent")
    return reader


@check()
async def bytearrays_are_filled(trial: StreamTrial) -> None:
    """get_buffer may return a bytearray."""
    await _expect_filled(trial, bytearray(10_000))


@check()
async def memoryviews_are_filled(trial: StreamTrial) -> None:
    """get_buffer may return a memoryview, also one of a part of something larger; the rest stays as it is."""
    whole = bytearray(30_000)
    await _expect_filled(trial, memoryview(whole)[10_000:20_000])
    expect(not any(whole[:10_000]) and not any(whole[20_000:]), "bytes outside the buffer were written")


@check()
async def mapped_memory_is_filled(trial: StreamTrial) -> None:
    """get_buffer may return an mmap."""
    await _expect_filled(trial, mmap.mmap(-1, 8192))


@check()
async def arrays_are_filled(trial: StreamTrial) -> None:
    """get_buffer may return an array; buffer_updated counts bytes, not items."""
    await _expect_filled(trial, array.array("B", bytes(10_000)))
    await _expect_filled(trial, array.array("I", bytes(40_000)))


@check()
async def the_smallest_buffer_is_filled(trial: StreamTrial) -> None:
    """get_buffer may return room for one byte."""
    await _expect_filled(trial, bytearray(1), _DATA[:500])


@check()
async def get_buffer_comes_before_buffer_updated(trial: StreamTrial) -> None:
    """Each buffer_updated is preceded by a get_buffer, and says how much of that buffer was filled."""
    hints: list[int] = []
    counts: list[int] = []
    sizes = [1, 10, 100, 1000, 10_000]

    def next_buffer(sizehint: int) -> bytearray:
        hints.append(sizehint)
        return bytearray(sizes[len(hints) % 5])

    def look(nbytes: int) -> None:
        counts.append(nbytes)
        expect(1 <= nbytes <= len(reader.buffer), f"{nbytes} bytes in a buffer of {len(reader.buffer)}")

    reader = BufferedRecorder(get_buffer=next_buffer, buffer_updated=look)
    left, _ = await trial.pair(None, reader)
    left.write(_DATA)
    await reader.received(len(_DATA))
    expect(bytes(reader.data) == _DATA, "other bytes were received than were sent")
    expect(all(type(hint) is int and (hint == -1 or hint > 0) for hint in hints), f"hints {set(hints)!r}")
    row = [name for name in reader.names() if name in {"get_buffer", "buffer_updated"}]
    for before, name in itertools.pairwise(row):
        expect(name != "buffer_updated" or before == "get_buffer", "buffer_updated() twice without get_buffer()")


@check()
async def buffered_protocols_see_the_end(trial: StreamTrial) -> None:
    """A buffered protocol gets the same callbacks around the data as any other."""
    reader = BufferedRecorder()
    left, _ = await trial.pair(None, reader)
    left.write(b"some bytes")
    left.close()
    expect_equal(await reader.lost(), None, "the argument of connection_lost()")
    expect_equal(
        reader.order(), ["connection_made", "buffer_updated", "eof_received", "connection_lost"], "the callbacks"
    )


@check()
async def buffered_protocols_can_pause(trial: StreamTrial) -> None:
    """While paused a buffered protocol is not called."""
    reader = BufferedRecorder(buffer_updated=lambda nbytes: reader.transport.pause_reading())
    left, right = await trial.pair(None, reader)
    left.write(b"x" * 100_000)
    await reader.called("buffer_updated")
    await trial.settle()
    expect_equal(reader.count("buffer_updated"), 1, "calls of buffer_updated(), which paused")
    while len(reader.data) < 100_000:
        seen = reader.count("buffer_updated")
        right.resume_reading()
        await reader.called("buffer_updated", seen + 1)


@check(
    fatal_to=("uvloop",),
    known_faults={
        "asyncio": "fills the buffer and calls buffer_updated all the same",
        "uvloop": "the process ends with a segmentation fault",
    },
)
async def closing_in_get_buffer(trial: StreamTrial) -> None:
    """A protocol may close its transport in get_buffer; nothing but connection_lost follows."""
    for end in ("close", "abort"):
        reader = BufferedRecorder()
        reader.react("get_buffer", lambda sizehint, reader=reader, end=end: getattr(reader.transport, end)())
        left, _ = await trial.pair(None, reader)
        left.write(b"too late")
        await reader.lost()
        expect_equal(reader.order(), ["connection_made", "connection_lost"], f"the callbacks around {end}()")


@check()
async def protocols_of_both_kinds_take_turns(trial: StreamTrial) -> None:
    """set_protocol may change the kind of receiving, back and forth; no byte is lost or delivered twice."""
    recorders: list[Any] = [Recorder(), BufferedRecorder(), Recorder(), BufferedRecorder(bytearray(7))]
    left, right = await trial.pair(None, recorders[0])
    for number, recorder in enumerate(recorders):
        right.set_protocol(recorder)
        left.write(b"part %d" % number)
        await recorder.received(6)
    for number, recorder in enumerate(recorders):
        expect_equal(bytes(recorder.data), b"part %d" % number, f"what the protocol number {number} got")


@check()
async def protocols_change_within_a_callback(trial: StreamTrial) -> None:
    """set_protocol within data_received: the bytes that follow go to the new protocol, of whichever kind."""
    for second in (BufferedRecorder(bytearray(1000)), Recorder()):
        first = Recorder()
        first.react("data_received", lambda data, a=first, b=second: a.transport.set_protocol(b))
        left, right = await trial.pair(None, first)
        right.pause_reading()
        left.set_write_buffer_limits(high=2**30)
        left.write(_DATA * 4)
        await trial.turns()
        right.resume_reading()
        await first.called("data_received")
        await second.received(len(_DATA * 4) - len(first.data))
        expect(bytes(first.data + second.data) == _DATA * 4, "bytes were lost on the change of the protocol")


@check()
async def a_protocol_can_change_while_paused(trial: StreamTrial) -> None:
    """set_protocol to the other kind does not end a pause."""
    reader = BufferedRecorder()
    left, right = await trial.pair()
    right.pause_reading()
    left.write(b"waiting")
    right.set_protocol(reader)
    await trial.settle()
    expect_equal(reader.order(), [], "callbacks while paused")
    expect(not right.is_reading(), "set_protocol() resumed reading")
    right.resume_reading()
    await reader.received(7)


class _BufferedDuck(StreamRecorder):
    """A buffered protocol that inherits from none of asyncio's classes."""

    get_buffer = BufferedRecorder.get_buffer
    buffer_updated = BufferedRecorder.buffer_updated

    def __init__(self) -> None:
        super().__init__()
        self.buffer: Any = bytearray(1000)


@check(known_faults={"asyncio": "takes only subclasses of asyncio.BufferedProtocol for buffered protocols"})
async def duck_typed_buffered_protocols_work(trial: StreamTrial) -> None:
    """A protocol with get_buffer that inherits from nothing is a buffered protocol."""
    duck = _BufferedDuck()
    left, _ = await trial.pair(None, duck)
    left.write(_DATA)
    await duck.received(len(_DATA))
    expect(bytes(duck.data) == _DATA, "other bytes were received than were sent")
