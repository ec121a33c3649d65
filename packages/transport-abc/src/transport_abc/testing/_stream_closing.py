"""Checks of a stream: close, abort, and what may be called afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
async def connection_lost_is_called_later(trial: StreamTrial) -> None:
    """connection_lost never comes from within close() or abort()."""
    for end in ("close", "abort"):
        writer = Recorder()
        left, _ = await trial.pair(writer)
        getattr(left, end)()
        expect_equal(writer.count("connection_lost"), 0, f"calls of connection_lost() when {end}() returns")
        await writer.lost()


@check()
async def close_sends_what_is_buffered(trial: StreamTrial) -> None:
    """close() sends everything that was written before it, and connection_lost(None) follows."""
    writer, reader = Recorder(), Recorder()
    left, right, size = await trial.filled_pair(writer, reader)
    left.close()
    await trial.turns()
    expect_equal(writer.count("connection_lost"), 0, "calls of connection_lost() while bytes wait to be sent")
    right.resume_reading()
    await reader.received(size)
    expect_equal(await writer.lost(), None, "the argument of connection_lost()")
    await reader.lost()
    expect_equal(len(reader.data), size, "bytes received")


@check()
async def closing_twice_is_closing_once(trial: StreamTrial) -> None:
    """close() and abort() may be called any number of times, before and after the end."""
    writer = Recorder()
    left, _ = await trial.pair(writer)
    left.close()
    left.close()
    await writer.lost()
    left.close()
    left.abort()
    await trial.turns()
    expect_equal(writer.count("connection_lost"), 1, "calls of connection_lost()")


@check()
async def abort_loses_what_is_buffered(trial: StreamTrial) -> None:
    """abort() ends the connection at once, drops the buffer, and connection_lost(None) follows."""
    writer, reader = Recorder(), Recorder()
    left, right, size = await trial.filled_pair(writer, reader)
    left.abort()
    expect_equal(await writer.lost(), None, "the argument of connection_lost()")
    expect_equal(left.get_write_buffer_size(), 0, "the size of the write buffer after abort()")
    right.resume_reading()
    await reader.lost()
    expect(len(reader.data) < size, "everything was sent in spite of abort()")


@check()
async def abort_cuts_a_close_short(trial: StreamTrial) -> None:
    """abort() after close() no longer waits for what is buffered."""
    writer, reader = Recorder(), Recorder()
    left, right, _ = await trial.filled_pair(writer, reader)
    left.close()
    left.abort()
    expect_equal(await writer.lost(), None, "the argument of connection_lost()")
    right.resume_reading()
    await reader.lost()
    expect_equal(writer.count("connection_lost"), 1, "calls of connection_lost()")


@check()
async def is_closing_is_true_at_once(trial: StreamTrial) -> None:
    """is_closing() is true as soon as close() or abort() was called, and stays true."""
    for end in ("close", "abort"):
        seen: list[bool] = []
        writer = Recorder(connection_lost=lambda exc: seen.append(left.is_closing()))  # noqa: B023
        left, _ = await trial.pair(writer)
        expect(not left.is_closing(), f"is_closing() before {end}()")
        getattr(left, end)()
        expect(left.is_closing(), f"not is_closing() after {end}()")
        await writer.lost()
        expect(left.is_closing() and seen == [True], f"not is_closing() in or after connection_lost() by {end}()")


@check()
async def the_peer_of_a_closed_transport_is_closing(trial: StreamTrial) -> None:
    """The end of the peer closes a transport whose protocol does not ask to keep it open: connection_lost(None)."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    left.close()
    expect_equal(await reader.lost(), None, "the argument of connection_lost()")
    expect_equal(reader.order(), ["connection_made", "eof_received", "connection_lost"], "the callbacks")
    expect(right.is_closing(), "not is_closing() after the end of the peer")


@check()
async def close_in_connection_made(trial: StreamTrial) -> None:
    """A protocol may close its transport in connection_made; nothing but connection_lost follows."""
    reader = Recorder(connection_made=lambda transport: transport.close())
    writer = Recorder()
    left, _ = await trial.pair(writer, reader)
    left.write(b"too late")
    await reader.lost()
    await writer.lost()
    expect_equal(reader.order(), ["connection_made", "connection_lost"], "the callbacks")


@check()
async def abort_in_connection_made(trial: StreamTrial) -> None:
    """A protocol may abort its transport in connection_made; nothing but connection_lost follows."""
    reader = Recorder(connection_made=lambda transport: transport.abort())
    writer = Recorder()
    left, _ = await trial.pair(writer, reader)
    left.write(b"too late")
    expect_equal(await reader.lost(), None, "the argument of connection_lost()")
    await writer.lost()
    expect_equal(reader.order(), ["connection_made", "connection_lost"], "the callbacks")


@check()
async def close_in_data_received(trial: StreamTrial) -> None:
    """A protocol may close its transport in data_received; no more data comes, though there is more."""
    reader = Recorder(data_received=lambda data: reader.transport.close())
    left, right = await trial.pair(None, reader)
    right.pause_reading()
    left.set_write_buffer_limits(high=2**30)
    left.write(b"x" * 2**21)
    await trial.turns()
    right.resume_reading()
    await reader.lost()
    expect_equal(reader.count("data_received"), 1, "calls of data_received()")
    expect_equal(reader.order(), ["connection_made", "data_received", "connection_lost"], "the callbacks")


@check(needs=("duplex",))
async def a_closing_transport_receives_nothing(trial: StreamTrial) -> None:
    """After close() no data is received, also while the buffer is still being sent."""
    writer = Recorder()
    left, right, _ = await trial.filled_pair(writer, Recorder())
    await trial.turns()  # receiving begins a little later than the connection
    left.close()
    right.write(b"answer")
    await trial.settle()
    expect_equal(writer.count("data_received"), 0, "calls of data_received() after close()")
    expect_equal(writer.count("connection_lost"), 0, "calls of connection_lost() while bytes wait to be sent")


def _write_late(transport: Transport) -> None:
    """Write as often as a producer that was not told yet."""
    for _ in range(20):
        transport.write(b"late")
        transport.writelines([b"la", b"te"])


_NOISE = "logs 'socket.send() raised exception.', without saying which connection"


def _expect_quiet(trial: StreamTrial, transport: Any) -> None:
    """Fail if a log message does not say which transport it is about."""
    name = type(transport).__name__
    expect(all(name in text for text in trial.logged), f"logged without naming the transport: {trial.logged!r}")


_STATE = "writelines() after close() fails on internal state: TypeError or AttributeError"
_LATE_FAULTS = {"asyncio-3.11": _NOISE, "asyncio-3.12": _STATE, "asyncio-3.13": _STATE}


@check(known_faults=_LATE_FAULTS)
async def writing_after_close_has_no_effect(trial: StreamTrial) -> None:
    """What is written after close() is dropped, without an exception and without noise."""
    reader, writer = Recorder(), Recorder()
    left, _ = await trial.pair(writer, reader)
    left.write(b"in time")
    left.close()
    _write_late(left)
    await writer.lost()
    await reader.lost()
    expect_equal(bytes(reader.data), b"in time", "the bytes received")
    _expect_quiet(trial, left)


_SENT = "sends it, as long as the buffer is not empty"


@check(known_faults={"asyncio": _SENT, "uvloop": _SENT})
async def writing_while_closing_has_no_effect(trial: StreamTrial) -> None:
    """What is written after close() is dropped as well while the buffer is still being sent."""
    reader, writer = Recorder(), Recorder()
    left, right, size = await trial.filled_pair(writer, reader)
    left.close()
    left.write(b"late")
    right.resume_reading()
    await writer.lost()
    await reader.lost()
    expect_equal(len(reader.data), size, "bytes received")


@check(known_faults={**_LATE_FAULTS, "uvloop": _NOISE})
async def writing_after_connection_lost_has_no_effect(trial: StreamTrial) -> None:
    """What is written after connection_lost is dropped, without an exception and without noise."""
    writer = Recorder()
    left, right = await trial.pair(writer)
    right.abort() if trial.subject.duplex else left.abort()
    await writer.lost()
    _write_late(left)
    await trial.turns()
    _expect_quiet(trial, left)


@check()
async def reading_calls_after_close_are_harmless(trial: StreamTrial) -> None:
    """pause_reading() and resume_reading() on a closing or closed transport do nothing."""
    reader = Recorder()
    _, right = await trial.pair(None, reader)
    right.pause_reading()
    right.close()
    right.resume_reading()
    right.pause_reading()
    await reader.lost()
    right.resume_reading()
    right.pause_reading()
    expect(not right.is_reading(), "is_reading() after connection_lost()")
    expect_equal(reader.order(), ["connection_made", "connection_lost"], "the callbacks")
