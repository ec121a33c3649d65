"""Checks of a stream: the one rule for callbacks that raise, and the errors of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import check_into, expect, expect_equal
from transport_abc.testing._recorders import BufferedRecorder, Recorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport_abc.testing._check import Check
    from transport_abc.testing._recorders import StreamRecorder
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS", "Trouble", "raising"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)


class Trouble(Exception):
    """What the callbacks raise here."""


def raising(error: BaseException) -> Callable[..., Any]:
    """Make a reaction that raises."""

    def react(*args: object) -> Any:
        raise error

    return react


async def _expect_the_rule(trial: StreamTrial, recorder: StreamRecorder, peer: Recorder, error: Exception) -> None:
    """Reported once, with transport and protocol; aborted; connection_lost gets the exception, once."""
    lost = await recorder.lost()
    await peer.lost()
    await trial.turns()
    report = trial.take_report(error)
    expect(report.get("transport") is recorder.transport, f"the report names transport {report.get('transport')!r}")
    expect(report.get("protocol") is recorder, f"the report names protocol {report.get('protocol')!r}")
    expect(lost is error, f"connection_lost() got {lost!r} instead of {error!r}")
    expect_equal(recorder.count("connection_lost"), 1, "calls of connection_lost()")
    expect(recorder.transport.is_closing(), "the transport was not aborted")


_NOT_ABORTED = "reports the exception, but the connection stays open"


@check(known_faults={"asyncio": _NOT_ABORTED, "uvloop": "reports without naming transport and protocol"})
async def connection_made_that_raises(trial: StreamTrial) -> None:
    """connection_made raises: reported once, aborted, connection_lost gets the exception."""
    error, peer = Trouble("in connection_made"), Recorder()
    recorder = Recorder(connection_made=raising(error))
    await trial.pair(peer, recorder)
    await _expect_the_rule(trial, recorder, peer, error)


@check()
async def data_received_that_raises(trial: StreamTrial) -> None:
    """data_received raises: reported once, aborted, connection_lost gets the exception."""
    error, peer = Trouble("in data_received"), Recorder()
    recorder = Recorder(data_received=raising(error))
    left, _ = await trial.pair(peer, recorder)
    left.write(b"cause")
    await _expect_the_rule(trial, recorder, peer, error)


_NOT_OURS = "takes an OSError of the protocol for one of the network and reports nothing"


@check(known_faults={"asyncio": _NOT_OURS, "uvloop": _NOT_OURS})
async def an_oserror_of_a_callback_is_reported(trial: StreamTrial) -> None:
    """An OSError that a callback raises is a fault of the program, not of the network: the same rule."""
    error, peer = FileNotFoundError("in data_received"), Recorder()
    recorder = Recorder(data_received=raising(error))
    left, _ = await trial.pair(peer, recorder)
    left.write(b"cause")
    await _expect_the_rule(trial, recorder, peer, error)


@check()
async def eof_received_that_raises(trial: StreamTrial) -> None:
    """eof_received raises: reported once, aborted, connection_lost gets the exception."""
    error, peer = Trouble("in eof_received"), Recorder()
    recorder = Recorder(eof_received=raising(error))
    left, _ = await trial.pair(peer, recorder)
    left.write_eof() if trial.subject.half_close else left.close()
    await _expect_the_rule(trial, recorder, peer, error)


@check(known_faults={"uvloop": "reports and delivers another exception than the one raised"})
async def get_buffer_that_raises(trial: StreamTrial) -> None:
    """get_buffer raises: reported once, aborted, connection_lost gets the exception."""
    error, peer = Trouble("in get_buffer"), Recorder()
    recorder = BufferedRecorder(get_buffer=raising(error))
    left, _ = await trial.pair(peer, recorder)
    left.write(b"cause")
    await _expect_the_rule(trial, recorder, peer, error)


@check()
async def buffer_updated_that_raises(trial: StreamTrial) -> None:
    """buffer_updated raises: reported once, aborted, connection_lost gets the exception."""
    error, peer = Trouble("in buffer_updated"), Recorder()
    recorder = BufferedRecorder(buffer_updated=raising(error))
    left, _ = await trial.pair(peer, recorder)
    left.write(b"cause")
    await _expect_the_rule(trial, recorder, peer, error)


@check(known_faults={"asyncio": _NOT_ABORTED, "uvloop": _NOT_ABORTED})
async def pause_writing_that_raises(trial: StreamTrial) -> None:
    """pause_writing raises: reported once, aborted, connection_lost gets the exception; write() raises nothing."""
    error, peer = Trouble("in pause_writing"), Recorder()
    recorder = Recorder(pause_writing=raising(error))
    left, right, _ = await trial.filled_pair(recorder, peer)
    left.set_write_buffer_limits(high=0)
    left.write(b"over the mark")
    right.resume_reading()
    await _expect_the_rule(trial, recorder, peer, error)


@check(known_faults={"asyncio": _NOT_ABORTED, "uvloop": _NOT_ABORTED})
async def resume_writing_that_raises(trial: StreamTrial) -> None:
    """resume_writing raises: reported once, aborted, connection_lost gets the exception."""
    error, peer = Trouble("in resume_writing"), Recorder()
    recorder = Recorder(resume_writing=raising(error))
    left, right, _ = await trial.filled_pair(recorder, peer)
    left.set_write_buffer_limits(high=0)
    left.write(b"over the mark")
    right.resume_reading()
    await _expect_the_rule(trial, recorder, peer, error)


@check(known_faults={"asyncio": "the report does not name the transport", "uvloop": "the report names no protocol"})
async def connection_lost_that_raises(trial: StreamTrial) -> None:
    """connection_lost raises: reported once, and the connection is closed all the same."""
    error, peer = Trouble("in connection_lost"), Recorder()
    recorder = Recorder(connection_lost=raising(error))
    _, right = await trial.pair(peer, recorder)
    right.close()
    await recorder.lost()
    await peer.lost()
    await trial.turns()
    report = trial.take_report(error)
    expect(report.get("transport") is right, f"the report names transport {report.get('transport')!r}")
    expect(report.get("protocol") is recorder, f"the report names protocol {report.get('protocol')!r}")
    expect_equal(recorder.count("connection_lost"), 1, "calls of connection_lost()")


@check(
    needs=("addresses",),
    known_faults={"asyncio": "its reports name no peer", "uvloop": "its reports name no peer"},
)
async def a_report_names_the_peer(trial: StreamTrial) -> None:
    """A report about a connection says which peer it was connected to, if peers have names."""
    error, peer = Trouble("in data_received"), Recorder()
    recorder = Recorder(data_received=raising(error))
    left, right = await trial.pair(peer, recorder)
    name = right.get_extra_info("peername")
    left.write(b"cause")
    await recorder.lost()
    report = trial.take_report(error)
    if name:
        expect(repr(name) in repr(report), f"peer {name!r} is not in the report {report!r}")


@check()
async def a_buffer_without_room_is_an_error(trial: StreamTrial) -> None:
    """get_buffer returns an empty buffer: reported once, aborted, connection_lost gets the exception."""
    peer, recorder = Recorder(), BufferedRecorder(bytearray())
    left, right = await trial.pair(peer, recorder)
    left.write(b"no room")
    error = await recorder.lost()
    await peer.lost()
    expect(isinstance(error, RuntimeError), f"connection_lost() got {error!r} instead of a RuntimeError")
    if error is not None:
        expect(trial.take_report(error).get("transport") is right, "the report names another transport")


@check()
async def a_buffer_that_cannot_be_written_is_an_error(trial: StreamTrial) -> None:
    """get_buffer returns something that cannot be filled: reported once, aborted, connection_lost(exc)."""
    for buffer in (b"read-only", 7):
        peer, recorder = Recorder(), BufferedRecorder(get_buffer=lambda sizehint, buffer=buffer: buffer)
        left, _ = await trial.pair(peer, recorder)
        left.write(b"nowhere to put it")
        error = await recorder.lost()
        await peer.lost()
        expect(error is not None, f"connection_lost(None) though get_buffer() returned {buffer!r}")
        if error is not None:
            trial.take_report(error)


@check(needs=("resets", "duplex"))
async def a_reset_is_an_error_of_the_connection(trial: StreamTrial) -> None:
    """A connection that the peer resets ends with connection_lost(OSError), which is not reported as a fault."""
    writer, reader = Recorder(), Recorder()
    left, right = await trial.pair(writer, reader)
    right.pause_reading()
    left.write(b"never read")
    await trial.settle()
    right.abort()
    error = await writer.lost()
    expect(isinstance(error, OSError), f"connection_lost() got {error!r} instead of an OSError")
    expect_equal(await reader.lost(), None, "the argument of connection_lost() of who aborted")


@check(needs=("resets", "duplex"))
async def an_error_while_sending_ends_the_connection(trial: StreamTrial) -> None:
    """An error that write() meets reaches connection_lost; write() does not raise it, and it is not reported."""
    writer = Recorder()
    left, right = await trial.pair(writer)
    left.pause_reading()
    right.pause_reading()
    left.write(b"never read")
    await trial.settle()
    right.abort()
    await trial.settle()
    left.write(b"to nobody")
    left.write(b"to nobody")
    error = await writer.lost()
    expect(isinstance(error, OSError), f"connection_lost() got {error!r} instead of an OSError")
    expect_equal(writer.count("connection_lost"), 1, "calls of connection_lost()")


@check(needs=("resets", "duplex"))
async def an_error_while_draining_ends_the_connection(trial: StreamTrial) -> None:
    """An error met while the buffer is sent reaches connection_lost, also when the transport is closing."""
    for closing in (False, True):
        writer = Recorder()
        left, right, _ = await trial.filled_pair(writer)
        left.pause_reading()
        if closing:
            left.close()
        right.abort()
        error = await writer.lost()
        expect(isinstance(error, OSError), f"connection_lost() got {error!r} instead of an OSError")
        expect_equal(left.get_write_buffer_size(), 0, "the size of the write buffer after the loss")
