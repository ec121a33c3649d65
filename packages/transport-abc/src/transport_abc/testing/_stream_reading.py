"""Checks of a stream: pausing and resuming reading, and the end of file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc.testing._check import check_into, expect, expect_equal
from transport_abc.testing._recorders import Recorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from transport_abc._transports import Transport
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)


@check()
async def nothing_is_received_while_paused(trial: StreamTrial) -> None:
    """After pause_reading() nothing is received; after resume_reading() everything is, in order."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    right.pause_reading()
    left.write(b"first ")
    await trial.settle()
    left.write(b"second")
    await trial.settle()
    expect_equal(reader.count("data_received"), 0, "calls of data_received() while paused")
    right.resume_reading()
    await reader.received(12)
    expect_equal(bytes(reader.data), b"first second", "the bytes received")


@check()
async def pausing_and_resuming_twice(trial: StreamTrial) -> None:
    """pause_reading() and resume_reading() may be called when they change nothing."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    right.resume_reading()
    right.pause_reading()
    right.pause_reading()
    right.resume_reading()
    left.write(b"once is enough")
    await reader.received(14)
    right.resume_reading()
    right.pause_reading()
    left.write(b"!")
    await trial.settle()
    expect_equal(len(reader.data), 14, "bytes received while paused")


@check()
async def is_reading_tells_the_state(trial: StreamTrial) -> None:
    """is_reading() is false while paused and from close() on, true otherwise."""
    reader = Recorder()
    _, right = await trial.pair(None, reader)
    await trial.turns()
    seen = [right.is_reading()]
    for call in (right.pause_reading, right.pause_reading, right.resume_reading, right.resume_reading, right.close):
        call()
        seen.append(right.is_reading())
    await reader.lost()
    seen.append(right.is_reading())
    expect_equal(seen, [True, False, False, True, True, False, False], "is_reading() after each step")


@check(known_faults={"uvloop": "is_reading() is true after pause_reading() in connection_made"})
async def pausing_in_connection_made(trial: StreamTrial) -> None:
    """A protocol may pause in connection_made; nothing is received until it resumes."""
    reader = Recorder(connection_made=lambda transport: transport.pause_reading())
    left, right = await trial.pair(None, reader)
    expect(not right.is_reading(), "is_reading() though connection_made() paused")
    left.write(b"patience")
    await trial.settle()
    expect_equal(reader.count("data_received"), 0, "calls of data_received() while paused")
    right.resume_reading()
    await reader.received(8)


@check()
async def pausing_in_data_received(trial: StreamTrial) -> None:
    """A protocol may pause in data_received; the next bytes wait, though they have arrived."""
    reader = Recorder(data_received=lambda data: reader.transport.pause_reading())
    left, right = await trial.pair(None, reader)
    right.pause_reading()
    left.set_write_buffer_limits(high=2**30)
    left.write(b"x" * 2**21)
    await trial.turns()
    expect_equal(reader.count("data_received"), 0, "calls of data_received() while reading was paused")
    calls = 0
    while len(reader.data) < 2**21:
        calls += 1
        right.resume_reading()
        await reader.called("data_received", calls)
        await trial.turns(3)
        expect_equal(reader.count("data_received"), calls, "calls of data_received(), each of which paused")
    await trial.settle()


@check()
async def pausing_again_before_the_loop_turns(trial: StreamTrial) -> None:
    """resume_reading() and pause_reading() within one turn of the loop receive nothing."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    right.pause_reading()
    left.write(b"wait")
    await trial.settle()
    for _ in range(10):
        right.resume_reading()
        right.pause_reading()
    await trial.settle()
    expect_equal(reader.count("data_received"), 0, "calls of data_received()")


@check()
async def the_end_of_file_waits_while_paused(trial: StreamTrial) -> None:
    """While paused the end of the peer is not delivered; after resume_reading() it is, behind the data."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    right.pause_reading()
    left.write(b"last words")
    left.close()
    await trial.settle()
    expect_equal(reader.order(), ["connection_made"], "the callbacks while paused")
    right.resume_reading()
    await reader.lost()
    expect_equal(bytes(reader.data), b"last words", "the bytes received")
    expect_equal(
        reader.order(), ["connection_made", "data_received", "eof_received", "connection_lost"], "the callbacks"
    )


@check(needs=("duplex",))
async def both_ends_tell_what_can_be_closed(trial: StreamTrial) -> None:
    """can_write_eof() tells whether write_eof() leaves the other direction open; if not, it is not implemented."""
    for transport in await trial.pair():
        expect_equal(transport.can_write_eof(), trial.subject.half_close, "can_write_eof()")
        if not trial.subject.half_close:
            try:
                transport.write_eof()
            except NotImplementedError:
                continue
            expect(False, "write_eof() did not raise NotImplementedError")


async def _half_close(near: Transport, near_recorder: Recorder, far: Transport, far_recorder: Recorder) -> None:
    """Close one half; send the other way; close the rest."""
    near.write(b"question")
    near.write_eof()
    await far_recorder.called("eof_received")
    expect_equal(bytes(far_recorder.data), b"question", "what arrived before the end of file")
    expect(not far.is_closing(), "closing though eof_received() returned True")
    far.write(b"x" * 2**20)
    far.write(b"answer")
    await near_recorder.received(2**20 + 6)
    expect(near_recorder.data.endswith(b"answer"), "the answer is not whole")
    far.close()
    expect_equal(await near_recorder.lost(), None, "the argument of connection_lost()")
    expect_equal(await far_recorder.lost(), None, "the argument of connection_lost()")
    expect_equal(near_recorder.count("eof_received"), 1, "calls of eof_received()")
    expect_equal(far_recorder.count("eof_received"), 1, "calls of eof_received()")


@check(needs=("half_close", "duplex"))
async def each_half_can_be_closed_alone(trial: StreamTrial) -> None:
    """write_eof() ends one direction; a peer whose eof_received returns true still sends in the other."""
    for turned in (False, True):
        ends = Recorder(eof_received=lambda: True), Recorder()
        near_recorder, far_recorder = ends[1], ends[0]
        if turned:
            far, near = await trial.pair(far_recorder, near_recorder)
        else:
            near, far = await trial.pair(near_recorder, far_recorder)
        await _half_close(near, near_recorder, far, far_recorder)


_AGAIN = "resume_reading() after a kept end of file delivers the end of file again"


@check(
    needs=("half_close", "duplex"),
    known_faults={"asyncio": _AGAIN, "uvloop": _AGAIN},
)
async def a_kept_end_of_file_comes_once(trial: StreamTrial) -> None:
    """eof_received comes once, also when it keeps the connection open and reading is paused and resumed."""
    reader = Recorder(eof_received=lambda: True)
    left, right = await trial.pair(None, reader)
    left.write_eof()
    await reader.called("eof_received")
    right.pause_reading()
    right.resume_reading()
    await trial.settle()
    expect_equal(reader.count("eof_received"), 1, "calls of eof_received()")
    expect_equal(reader.count("connection_lost"), 0, "calls of connection_lost()")


@check(needs=("half_close", "duplex"))
async def write_eof_by_default_closes_the_peer(trial: StreamTrial) -> None:
    """After write_eof() a peer that does not ask to stay open closes, and both connections end with None."""
    writer, reader = Recorder(), Recorder()
    left, _ = await trial.pair(writer, reader)
    left.write_eof()
    expect_equal(await reader.lost(), None, "the argument of connection_lost()")
    expect_equal(await writer.lost(), None, "the argument of connection_lost()")
    expect_equal(writer.order(), ["connection_made", "eof_received", "connection_lost"], "the callbacks")


@check(needs=("half_close", "duplex"))
async def a_peer_that_closes_on_eof_sends_what_is_buffered(trial: StreamTrial) -> None:
    """A transport that closes itself at the end of file still sends what is in its write buffer."""
    writer, reader = Recorder(), Recorder()
    _, right, size = await trial.filled_pair(writer, reader)
    right.write_eof()
    await writer.called("eof_received")
    right.resume_reading()
    expect_equal(await writer.lost(), None, "the argument of connection_lost()")
    await reader.received(size)
