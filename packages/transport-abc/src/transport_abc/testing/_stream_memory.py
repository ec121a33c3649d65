"""Checks of a stream: what a connection leaves behind, which is nothing."""

from __future__ import annotations

import gc
import os
import warnings
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import BufferedRecorder, Recorder
from transport_abc.testing._stream_errors import Trouble, raising
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from transport_abc._transports import Transport
    from transport_abc.testing._check import Check
    from transport_abc.testing._recorders import StreamRecorder
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS", "descriptors", "no_collector"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)


@contextmanager
def no_collector() -> Iterator[None]:
    """Keep the cyclic collector from freeing anything, and fail if a destructor had to close what nobody closed."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            yield
    finally:
        if enabled:
            gc.enable()
    unclosed = [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]
    expect(not unclosed, f"left to a destructor: {'; '.join(unclosed)}")


async def _live_and_die(
    trial: StreamTrial,
    end: Callable[[Transport, Transport], object],
    make: Callable[[], StreamRecorder] = Recorder,
) -> list[weakref.ref[Any]]:
    """Let a connection live, exchange bytes and end; return weak references to its transports and protocols."""
    writer, reader = Recorder(), make()
    async with trial.subject.make_pair(lambda: writer, lambda: reader) as (left, right):
        left.write(b"some life")
        await reader.received(9)
        end(left, right)
        await writer.lost()
        await reader.lost()
    return [weakref.ref(item) for item in (left, right, writer, reader)]


async def _expect_freed(trial: StreamTrial, refs: Awaitable[list[weakref.ref[Any]]]) -> None:
    """Fail if something still lives though the collector did not run."""
    with no_collector():
        names = ("left transport", "right transport", "left protocol", "right protocol")
        found = dict(zip(names, await refs, strict=True))
        await trial.turns()
        alive = [name for name, ref in found.items() if ref() is not None]
        if alive:
            raise CheckFailed(f"in memory until the cyclic collector runs: {', '.join(alive)}")


_OWN_METHOD = "abort() leaves the transport in a cycle with a bound method of its own"
_OLD = {"asyncio-3.11": "leaves each transport in a cycle with a bound method of its own"}
_CYCLE = {**_OLD, "asyncio-3.12": _OWN_METHOD, "asyncio-3.13": _OWN_METHOD}


@check(known_faults=_OLD)
async def a_closed_connection_is_freed(trial: StreamTrial) -> None:
    """After close() both transports and protocols are freed without the cyclic collector."""
    await _expect_freed(trial, _live_and_die(trial, lambda left, right: left.close()))


@check(known_faults=_CYCLE)
async def an_aborted_connection_is_freed(trial: StreamTrial) -> None:
    """After abort() both transports and protocols are freed without the cyclic collector."""
    await _expect_freed(trial, _live_and_die(trial, lambda left, right: left.abort()))


@check(known_faults=_CYCLE)
async def a_connection_with_a_full_buffer_is_freed(trial: StreamTrial) -> None:
    """After abort() with a full write buffer both transports and protocols are freed without the cyclic collector."""

    def end(left: Transport, right: Transport) -> None:
        right.pause_reading()
        for _ in range(20):
            left.write(b"x" * 2**18)
        left.abort()
        right.resume_reading()

    await _expect_freed(trial, _live_and_die(trial, end))


@check(known_faults=_OLD)
async def a_connection_of_a_buffered_protocol_is_freed(trial: StreamTrial) -> None:
    """A buffered protocol is freed like any other."""
    await _expect_freed(trial, _live_and_die(trial, lambda left, right: left.close(), BufferedRecorder))


@check(known_faults=_OLD)
async def a_paused_connection_is_freed(trial: StreamTrial) -> None:
    """A connection that is closed while reading is paused is freed without the cyclic collector."""

    def end(left: Transport, right: Transport) -> None:
        right.pause_reading()
        left.write(b"unread")
        right.close()
        left.close()

    await _expect_freed(trial, _live_and_die(trial, end))


def descriptors() -> int | None:
    """Count the open descriptors of this process; None where the system does not tell."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return None


@check()
async def no_descriptor_is_left(trial: StreamTrial) -> None:
    """However a connection ends, its descriptors are closed then and there."""
    ends: tuple[Callable[[Transport, Transport], object], ...] = (
        lambda left, right: left.close(),
        lambda left, right: right.close(),
        lambda left, right: left.abort(),
        lambda left, right: (left.close(), right.abort()),
    )
    await _live_and_die(trial, ends[0])  # whatever the first connection leaves for the others
    await trial.turns()
    with no_collector():
        before = descriptors()
        for end in ends:
            await _live_and_die(trial, end)
        await trial.turns()
        expect_equal(descriptors(), before, "open descriptors")


@check()
async def no_descriptor_is_left_by_an_error(trial: StreamTrial) -> None:
    """A connection that ends because a callback raises closes its descriptors then and there."""
    await _live_and_die(trial, lambda left, right: left.close())
    await trial.turns()
    with no_collector():
        before = descriptors()
        error = Trouble("in eof_received")
        await _live_and_die(trial, lambda left, right: left.close(), lambda: Recorder(eof_received=raising(error)))
        await trial.turns()
        trial.take_report(error)
        expect_equal(descriptors(), before, "open descriptors")
