"""Checks of a loop: what transports may ask of it."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from transport_abc._loop import TransportLoop
from transport_abc._readiness import Readiness, readiness_of
from transport_abc.testing._check import PATIENCE, CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import CALLER
from transport_abc.testing._trial import LoopTrial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transport_abc._transports import BaseTransport
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import LoopSubject

__all__ = ["readiness_checks"]

_CHECKS: list[Check[LoopSubject]] = []
check = check_into(_CHECKS, LoopTrial)


def readiness_checks() -> list[Check[LoopSubject]]:
    """Return the checks of a loop, for people who write loops."""
    return [*_CHECKS]


@contextmanager
def _watching(trial: LoopTrial) -> Iterator[tuple[Readiness, socket.socket, socket.socket]]:
    """Hand out the loop's readiness and two connected sockets, and release their descriptors at the end."""
    readiness = readiness_of(cast(TransportLoop, trial.loop))
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    fds = near.fileno(), far.fileno()
    try:
        yield readiness, near, far
    finally:
        for fd, sock in zip(fds, (near, far), strict=True):
            if sock.fileno() == fd:
                readiness.release(fd)
                sock.close()


def _add(seen: list[tuple[int, str]], number: int) -> None:
    """Note a call and the context that it came in."""
    seen.append((number, CALLER.get()))


async def _until(condition: Callable[[], object], what: str) -> None:
    """Let the loop turn until a condition holds."""
    try:
        async with asyncio.timeout(PATIENCE.get()):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0)
    except TimeoutError:
        raise CheckFailed(f"{what}: did not happen") from None


@check()
async def the_loop_has_what_transports_ask_for(trial: LoopTrial) -> None:
    """The loop has every method of TransportLoop."""
    names = [name for name in vars(TransportLoop) if not name.startswith("_")]
    missing = [name for name in names if not callable(getattr(trial.loop, name, None))]
    expect(not missing, f"the loop lacks {', '.join(missing)}")


@check()
async def scheduled_calls_keep_order_and_context(trial: LoopTrial) -> None:
    """call_soon calls in order, each in the context given, in a later turn of the loop."""
    seen: list[tuple[int, str]] = []
    contexts = [Context() for _ in range(3)]
    for number, context in enumerate(contexts):
        context.run(CALLER.set, f"context {number}")
        trial.loop.call_soon(partial(_add, seen, number), context=context)
    expect_equal(seen, [], "calls before the loop turned")
    await asyncio.sleep(0)
    expect_equal(seen, [(0, "context 0"), (1, "context 1"), (2, "context 2")], "(call, context)")


@check()
async def readable_descriptors_are_told(trial: LoopTrial) -> None:
    """The callback comes when there is something to read, again until it is read, and not before."""
    with _watching(trial) as (readiness, near, far):
        calls: list[None] = []
        readiness.start_reading(near.fileno(), lambda: calls.append(None))
        await trial.turns()
        expect_equal(len(calls), 0, "calls before anything can be read")
        far.send(b"x")
        await _until(lambda: len(calls) >= 3, "three calls while nobody reads")
        near.recv(1)
        await trial.turns(2)
        before = len(calls)
        await trial.turns()
        expect_equal(len(calls), before, "calls after everything was read")


@check()
async def the_end_of_a_file_is_told(trial: LoopTrial) -> None:
    """The reading callback comes at the end of file."""
    with _watching(trial) as (readiness, near, far):
        calls: list[bytes] = []
        readiness.start_reading(near.fileno(), lambda: calls.append(near.recv(1)))
        far.shutdown(socket.SHUT_WR)
        await _until(lambda: calls, "a call at the end of file")
        expect_equal(calls[0], b"", "what was read")


@check()
async def writable_descriptors_are_told(trial: LoopTrial) -> None:
    """The writing callback comes while there is room, and not while there is none."""
    with _watching(trial) as (readiness, near, far):
        calls: list[None] = []
        readiness.start_writing(near.fileno(), lambda: calls.append(None))
        await _until(lambda: len(calls) >= 3, "three calls while there is room")
        with suppress(BlockingIOError):
            while True:
                near.send(bytes(65536))
        await trial.turns(2)
        before = len(calls)
        await trial.turns()
        expect_equal(len(calls), before, "calls while there is no room")
        while len(calls) == before:
            with_room = far.recv(2**20)
            expect(with_room, "nothing to read, and no call")
            await trial.turns(2)


@check()
async def a_broken_pipe_is_told_to_the_writer(trial: LoopTrial) -> None:
    """The writing callback comes when the other end is gone, though there is no room."""
    readiness = readiness_of(cast(TransportLoop, trial.loop))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        with suppress(BlockingIOError):
            while True:
                os.write(writer, bytes(65536))
        calls: list[None] = []
        readiness.start_writing(writer, lambda: calls.append(None))
        await trial.turns()
        before = len(calls)
        os.close(reader)
        expect_equal(before, 0, "calls while there is no room")
        await _until(lambda: calls, "a call when the other end is gone")
    finally:
        readiness.release(writer)
        os.close(writer)


@check()
async def a_second_callback_replaces_the_first(trial: LoopTrial) -> None:
    """start_reading and start_writing replace the callback that was there."""
    with _watching(trial) as (readiness, near, far):
        far.send(b"x")
        for start, stop in (
            (readiness.start_reading, readiness.stop_reading),
            (readiness.start_writing, readiness.stop_writing),
        ):
            calls: list[str] = []
            start(near.fileno(), partial(calls.append, "first"))
            start(near.fileno(), partial(calls.append, "second"))
            await _until(calls.copy, "a call")
            stop(near.fileno())
            expect_equal(set(calls), {"second"}, "callbacks called")


@check()
async def stopping_what_was_not_started_is_harmless(trial: LoopTrial) -> None:
    """stop_reading, stop_writing and release have no effect where nothing is registered."""
    with _watching(trial) as (readiness, near, _):
        for _ in range(2):
            readiness.stop_reading(near.fileno())
            readiness.stop_writing(near.fileno())
            readiness.release(near.fileno())


@check()
async def reading_and_writing_are_told_apart(trial: LoopTrial) -> None:
    """Both directions of one descriptor are started and stopped alone."""
    with _watching(trial) as (readiness, near, far):
        calls: list[str] = []
        fd = near.fileno()
        far.send(b"x")
        readiness.start_reading(fd, lambda: calls.append("read"))
        readiness.start_writing(fd, lambda: calls.append("write"))
        await _until(lambda: set(calls) == {"read", "write"}, "a call for each direction")
        readiness.stop_reading(fd)
        calls.clear()
        await _until(lambda: len(calls) >= 3, "calls for writing")
        expect_equal(set(calls), {"write"}, "callbacks after reading was stopped")
        readiness.start_reading(fd, lambda: calls.append("read"))
        readiness.stop_writing(fd)
        calls.clear()
        await _until(lambda: len(calls) >= 3, "calls for reading")
        expect_equal(set(calls), {"read"}, "callbacks after writing was stopped")


@check()
async def no_call_follows_a_stop(trial: LoopTrial) -> None:
    """After stop_reading or release no call follows, not even from a result already polled."""
    for how in ("stop_reading", "release"):
        with _watching(trial) as (readiness, near, far), _watching(trial) as (_, other, other_far):
            calls: list[str] = []
            stop = getattr(readiness, how)
            fds = near.fileno(), other.fileno()
            for name, fd in zip(("near", "other"), fds, strict=True):
                readiness.start_reading(fd, partial(_stop_all, stop, fds, calls, name))
            far.send(b"x")
            other_far.send(b"x")
            await trial.turns()
            expect_equal(len(calls), 1, f"calls, the first of which stopped both with {how}: {calls!r}")


def _stop_all(stop: Callable[[int], object], fds: tuple[int, ...], calls: list[str], name: str) -> None:
    """Note a call and stop watching several descriptors."""
    calls.append(name)
    for fd in fds:
        stop(fd)


@check()
async def no_call_follows_a_stop_of_the_other_direction(trial: LoopTrial) -> None:
    """A callback that stops the other direction of its descriptor prevents that call, though both were polled."""
    with _watching(trial) as (readiness, near, far):
        calls: list[str] = []
        fd = (near.fileno(),)

        def stop(fd: int) -> None:
            readiness.stop_reading(fd)
            readiness.stop_writing(fd)

        readiness.start_reading(fd[0], partial(_stop_all, stop, fd, calls, "read"))
        readiness.start_writing(fd[0], partial(_stop_all, stop, fd, calls, "write"))
        far.send(b"x")
        await trial.turns()
        expect_equal(len(calls), 1, f"calls, the first of which stopped both directions: {calls!r}")


@check()
async def callbacks_start_and_stop_from_within(trial: LoopTrial) -> None:
    """A callback may stop itself, start another, and start itself again."""
    with _watching(trial) as (readiness, near, far):
        calls: list[str] = []
        fd = near.fileno()

        def reading() -> None:
            calls.append("read")
            near.recv(1)
            readiness.stop_reading(fd)
            readiness.start_writing(fd, writing)

        def writing() -> None:
            calls.append("write")
            readiness.stop_writing(fd)
            readiness.start_reading(fd, reading)

        readiness.start_reading(fd, reading)
        far.send(b"12")
        await _until(lambda: len(calls) >= 4, "four calls in turn")
        await trial.turns()
        expect_equal(calls, ["read", "write"] * 2, "the calls")


@check()
async def a_released_number_can_be_used_again(trial: LoopTrial) -> None:
    """After release the descriptor is closed, and another file under its number can be watched."""
    with _watching(trial) as (readiness, near, far):
        calls: list[str] = []
        fd = near.fileno()
        readiness.start_reading(fd, lambda: calls.append("old"))
        far.send(b"x")
        readiness.release(fd)
        near.close()
        with _watching(trial) as (_, newer, newer_far):
            expect_equal(newer.fileno(), fd, "the number of the next socket")
            readiness.start_reading(newer.fileno(), lambda: calls.append("new"))
            await trial.turns()
            expect_equal(calls, [], "calls before anything can be read")
            newer_far.send(b"x")
            await _until(lambda: calls, "a call for the new socket")
            expect_equal(set(calls), {"new"}, "callbacks called")


@check()
async def the_receive_buffer_is_shared(trial: LoopTrial) -> None:
    """The receive buffer is one writable memoryview of bytes, the same for all transports of the loop."""
    buffer = readiness_of(cast(TransportLoop, trial.loop)).buffer
    expect(isinstance(buffer, memoryview), f"buffer: expected a memoryview, got {type(buffer)!r}")
    expect(not buffer.readonly and buffer.c_contiguous and buffer.format == "B", "not a writable view of bytes")
    expect(len(buffer) >= 16 * 1024, f"{len(buffer)} bytes are too few")
    expect(readiness_of(cast(TransportLoop, trial.loop)).buffer is buffer, "another buffer for the next transport")


class _Owner:
    """Stands for a transport, of which a loop only asks whether it is closing."""

    closing = False

    def is_closing(self) -> bool:
        return self.closing


@check(needs=("owns_readiness",))
async def descriptors_of_transports_are_protected(trial: LoopTrial) -> None:
    """add_reader and its relatives raise RuntimeError for a descriptor that a transport claims."""
    with _watching(trial) as (readiness, near, _):
        owner, fd = _Owner(), near.fileno()
        readiness.claim(fd, cast("BaseTransport", owner))
        calls: tuple[tuple[str, tuple[Any, ...]], ...] = (
            ("add_reader", (print,)),
            ("add_writer", (print,)),
            ("remove_reader", ()),
            ("remove_writer", ()),
        )
        for name, arguments in calls:
            try:
                getattr(trial.loop, name)(fd, *arguments)
            except RuntimeError:
                continue
            raise CheckFailed(f"{name}() took the descriptor of a transport")
        readiness.release(fd)
        trial.loop.add_reader(fd, print)
        trial.loop.remove_reader(fd)
