"""Checks of a stream: every callback of a connection runs in one context, whoever caused it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc.testing._check import check_into, expect, expect_equal
from transport_abc.testing._recorders import CALLS, BufferedRecorder, Recorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from transport_abc.testing._check import Check
    from transport_abc.testing._recorders import StreamRecorder
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)


def _expect_own_context(recorder: StreamRecorder, *callbacks: str) -> None:
    """Fail if a callback saw what another task had set in its context."""
    for name in callbacks:
        expect(recorder.count(name), f"{name}() was not called")
    foreign = [event.name for event in recorder.events if event.caller == "someone else"]
    expect(not foreign, f"in the context of another task ran: {', '.join(foreign)}")


_CALLERS = "the callback runs in the context of whoever called the transport"


@check(known_faults={"asyncio": "each callback may run in a context of its own, copied from whoever caused it"})
async def callbacks_share_one_context(trial: StreamTrial) -> None:
    """All callbacks of a connection run in the same context: what one sets the next one sees."""
    writer, reader = Recorder(), Recorder()
    left, right = await trial.pair(writer, reader)
    left.write(b"one")
    await reader.received(3)
    await trial.elsewhere(right.pause_reading)
    await trial.elsewhere(right.resume_reading)
    left.write(b"two")
    await reader.received(6)
    await trial.elsewhere(left.close)
    await reader.lost()
    await writer.lost()
    for recorder in (writer, reader):
        counts = [event.calls for event in recorder.events]
        first = counts[0]
        expect_equal(
            counts, list(range(first, first + len(counts))), f"how many callbacks each of {recorder.names()} saw run"
        )


@check(known_faults={"asyncio": "data_received runs in the context of whoever called resume_reading()"})
async def resume_reading_keeps_the_context(trial: StreamTrial) -> None:
    """data_received and eof_received run in the connection's context, whoever called resume_reading."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    right.pause_reading()
    left.write(b"whose is it?")
    await trial.elsewhere(right.resume_reading)
    await reader.received(12)
    left.close()
    await reader.lost()
    _expect_own_context(reader, "data_received", "eof_received", "connection_lost")


@check()
async def set_protocol_keeps_the_context(trial: StreamTrial) -> None:
    """The callbacks run in the connection's context, whoever called set_protocol."""
    for reader in (Recorder(), BufferedRecorder()):
        left, right = await trial.pair()
        await trial.elsewhere(right.set_protocol, reader)
        left.write(b"whose is it?")
        await reader.received(12)
        left.close()
        await reader.lost()
        _expect_own_context(reader, "eof_received", "connection_lost")


@check(known_faults={"asyncio": _CALLERS})
async def pause_writing_keeps_the_context(trial: StreamTrial) -> None:
    """pause_writing runs in the connection's context, whoever called write, writelines or set_write_buffer_limits."""
    for method, argument in (("write", b"over"), ("writelines", [b"over"])):
        writer = Recorder()
        left, _, _ = await trial.filled_pair(writer)
        left.set_write_buffer_limits(high=left.get_write_buffer_size())
        await trial.elsewhere(getattr(left, method), argument)
        _expect_own_context(writer, "pause_writing")
    writer = Recorder()
    left, _, _ = await trial.filled_pair(writer)
    await trial.elsewhere(left.set_write_buffer_limits, 0)
    left.write(b"over")
    _expect_own_context(writer, "pause_writing")


@check(known_faults={"asyncio": _CALLERS})
async def resume_writing_keeps_the_context(trial: StreamTrial) -> None:
    """resume_writing runs in the connection's context, whoever filled the buffer."""
    writer, reader = Recorder(), Recorder()
    left, right = await trial.pair(writer, reader)
    right.pause_reading()
    for _ in range(1000):
        if writer.paused:
            break
        await trial.elsewhere(left.write, b"x" * 2**18)
    await trial.elsewhere(right.resume_reading)
    await writer.called("resume_writing")
    resumed = [event for event in writer.events if event.name == "resume_writing"]
    expect_equal([event.caller for event in resumed], ["the check"], "in whose context resume_writing() ran")


@check(known_faults={"asyncio": _CALLERS})
async def closing_keeps_the_context(trial: StreamTrial) -> None:
    """connection_lost runs in the connection's context, whoever called close or abort."""
    for end in ("close", "abort"):
        writer, reader = Recorder(), Recorder()
        left, _ = await trial.pair(writer, reader)
        await trial.elsewhere(getattr(left, end))
        await writer.lost()
        await reader.lost()
        _expect_own_context(writer, "connection_lost")
        _expect_own_context(reader, "connection_lost")


@check(known_faults={"asyncio": _CALLERS})
async def closing_with_a_full_buffer_keeps_the_context(trial: StreamTrial) -> None:
    """connection_lost runs in the connection's context also if the buffer had to be sent first."""
    writer = Recorder()
    left, right = await trial.pair(writer)
    right.pause_reading()
    left.set_write_buffer_limits(high=2**30)
    await trial.elsewhere(left.write, b"x" * 2**24)
    await trial.elsewhere(left.close)
    right.resume_reading()
    await writer.lost()
    _expect_own_context(writer, "connection_lost")


@check(known_faults={"asyncio": _CALLERS})
async def callbacks_do_not_change_the_callers_context(trial: StreamTrial) -> None:
    """A callback that is made from within write() does not change the context of who called write()."""
    writer = Recorder()
    left, _, _ = await trial.filled_pair(writer)
    before = CALLS.get()
    left.set_write_buffer_limits(high=0)
    left.write(b"over")
    expect(writer.paused, "not paused over the mark")
    expect_equal(CALLS.get(), before, "a variable of the caller's context that pause_writing() set")
