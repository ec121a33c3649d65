"""Checks of a stream: what may be written, and that it is what arrives."""

from __future__ import annotations

import array
import mmap
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import Recorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)

_LARGE = 2**22
"""Bytes: more than the buffers of a kernel take at once from a peer that does not read."""


def _octets(size: int) -> bytes:
    """Return bytes whose position can be told from their value."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


async def _expect_arrival(trial: StreamTrial, make: Callable[[int], Any]) -> None:
    """Write small and large objects, and a small one while the buffer is not empty; compare what arrives."""
    for sizes in ((64,), (_LARGE,), (_LARGE, 64)):
        reader = Recorder()
        left, right = await trial.pair(None, reader)
        right.pause_reading()
        expected = b""
        for data in map(make, sizes):
            left.write(data)
            expected += memoryview(data).tobytes()
        right.resume_reading()
        await reader.received(len(expected))
        expect(reader.data == expected, f"{type(make(64))!r} of {sizes} bytes: other bytes arrived than were written")


@check()
async def bytes_can_be_written(trial: StreamTrial) -> None:
    """write() takes bytes of any size."""
    await _expect_arrival(trial, _octets)


@check()
async def bytearrays_can_be_written(trial: StreamTrial) -> None:
    """write() takes a bytearray of any size."""
    await _expect_arrival(trial, lambda size: bytearray(_octets(size)))


@check()
async def memoryviews_can_be_written(trial: StreamTrial) -> None:
    """write() takes a memoryview of any size."""
    await _expect_arrival(trial, lambda size: memoryview(_octets(size)))


_ITEMS = "counts items for bytes, so that the rest of a partly sent view is cut at the wrong place"


@check(known_faults={"asyncio": _ITEMS})
async def memoryviews_of_wide_items_can_be_written(trial: StreamTrial) -> None:
    """write() takes a memoryview whose items are wider than a byte."""
    await _expect_arrival(trial, lambda size: memoryview(_octets(size)).cast("I"))


_SHAPE = "a memoryview of several dimensions fails when it was sent partly: NotImplementedError"


@check(known_faults={"asyncio": _SHAPE})
async def memoryviews_of_several_dimensions_can_be_written(trial: StreamTrial) -> None:
    """write() takes a memoryview of several dimensions."""
    await _expect_arrival(trial, lambda size: memoryview(_octets(size)).cast("B", (8, size // 8)))


_GAPS = "a memoryview with gaps ends the connection with a BufferError"


@check(known_faults={"asyncio": _GAPS, "uvloop": "refuses a memoryview with gaps with a BufferError"})
async def memoryviews_with_gaps_can_be_written(trial: StreamTrial) -> None:
    """write() takes a memoryview that is not contiguous."""
    await _expect_arrival(trial, lambda size: memoryview(_octets(2 * size))[::2])


@check(known_faults={"asyncio": "write() takes bytes, bytearray and memoryview only"})
async def arrays_can_be_written(trial: StreamTrial) -> None:
    """write() takes an array, of items wider than a byte too."""
    await _expect_arrival(trial, lambda size: array.array("I", _octets(size)))


@check(known_faults={"asyncio": "write() takes bytes, bytearray and memoryview only"})
async def mapped_memory_can_be_written(trial: StreamTrial) -> None:
    """write() takes an mmap."""

    def mapped(size: int) -> mmap.mmap:
        memory = mmap.mmap(-1, size)
        memory[:] = _octets(size)
        return memory

    await _expect_arrival(trial, mapped)


@check()
async def writing_nothing_does_nothing(trial: StreamTrial) -> None:
    """write() of an empty object sends nothing and changes nothing."""
    writer, reader = Recorder(), Recorder()
    left, _ = await trial.pair(writer, reader)
    left.set_write_buffer_limits(high=0)
    for empty in (b"", bytearray(), memoryview(b"")):
        left.write(empty)
        expect_equal(left.get_write_buffer_size(), 0, "the size of the write buffer")
    left.write(b"end")
    await reader.received(3)
    expect_equal(reader.count("data_received"), 1, "calls of data_received()")
    expect_equal(writer.count("pause_writing"), 0, "calls of pause_writing()")


def _refused(method: Callable[[Any], None], argument: Any, error: type[Exception]) -> None:
    """Expect a call to raise."""
    try:
        method(argument)
    except error:
        return
    except Exception as other:
        raise CheckFailed(f"{argument!r}: expected {error.__name__}, got {other!r}") from other
    raise CheckFailed(f"{argument!r} was taken; expected {error.__name__}")


@check(known_faults={"uvloop": "write(None) does nothing"})
async def only_bytes_like_objects_can_be_written(trial: StreamTrial) -> None:
    """write() and writelines() raise TypeError for anything else, and the connection goes on."""
    reader = Recorder()
    left, _ = await trial.pair(None, reader)
    for data in ("text", 7, None, [1, 2]):
        _refused(left.write, data, TypeError)
    for lines in (["text"], [None], 7):
        _refused(left.writelines, lines, TypeError)
    left.write(b"right")
    await reader.received(5)
    expect_equal(bytes(reader.data), b"right", "the bytes received")


_VIEW = "keeps a view of the caller's buffer and sends what the caller puts there later"


async def _expect_snapshot(trial: StreamTrial, *sizes: int, lines: bool = False, blocked: bool = True) -> None:
    """Write from one bytearray and change it at once; expect what it held when it was written."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    if blocked:
        right.pause_reading()
        left.set_write_buffer_limits(high=2**30)
    expected = b""
    for size in sizes:
        reused = bytearray(_octets(size))
        expected += reused
        left.writelines([reused]) if lines else left.write(reused)
        reused[:] = b"\xff" * size
    right.resume_reading()
    await reader.received(len(expected))
    wrong = sum(a != b for a, b in zip(reader.data, expected, strict=True)) if reader.data != expected else 0
    expect(not wrong, f"{wrong} of {len(expected)} bytes are of a later time")


@check()
async def later_changes_of_a_small_buffer_are_not_sent(trial: StreamTrial) -> None:
    """What the caller does to its buffer after a small write() does not reach the wire."""
    await _expect_snapshot(trial, 64, 100, blocked=False)


@check(known_faults={"asyncio-3.12": _VIEW, "asyncio-3.13": _VIEW, "uvloop": _VIEW})
async def later_changes_of_a_large_buffer_are_not_sent(trial: StreamTrial) -> None:
    """What the caller does to its buffer after a large write(), partly sent, does not reach the wire."""
    await _expect_snapshot(trial, _LARGE)


@check(known_faults={"asyncio-3.12": _VIEW, "asyncio-3.13": _VIEW, "uvloop": _VIEW})
async def later_changes_of_a_waiting_buffer_are_not_sent(trial: StreamTrial) -> None:
    """What the caller does to its buffer while earlier data waits to be sent does not reach the wire."""
    await _expect_snapshot(trial, _LARGE, 64, 1000)


@check(known_faults={"asyncio-3.12": _VIEW, "asyncio-3.13": _VIEW, "uvloop": _VIEW})
async def later_changes_of_lines_are_not_sent(trial: StreamTrial) -> None:
    """What the caller does to its buffers after writelines() does not reach the wire."""
    await _expect_snapshot(trial, _LARGE, 64, lines=True)


@check(
    known_faults={
        "asyncio-3.12": "holds on to the caller's buffer: BufferError when it is resized",
        "asyncio-3.13": "holds on to the caller's buffer: BufferError when it is resized",
        "uvloop": "holds on to the caller's buffer: BufferError when it is resized",
    }
)
async def the_callers_buffer_is_let_go(trial: StreamTrial) -> None:
    """When write() returns, the caller may resize or release its buffer."""
    left, right = await trial.pair()
    right.pause_reading()
    left.set_write_buffer_limits(high=2**30)
    for data in (bytearray(64), bytearray(_LARGE), bytearray(64)):
        left.write(data)
        try:
            data.clear()
        except BufferError as exc:
            raise CheckFailed(f"after write() of {len(data)} bytes: {exc}") from exc


_LINES: dict[str, Callable[[], Any]] = {
    "a list": lambda: [b"one", bytearray(b"two"), memoryview(b"three")],
    "a tuple": lambda: (b"one", b"twothree"),
    "a generator": lambda: (word for word in (b"one", b"two", b"three")),
    "an iterator": lambda: iter([b"onetwo", b"three"]),
    "empty chunks between": lambda: [b"", b"one", b"", b"two", b"three"],
    "an empty last chunk": lambda: [b"one", b"twothree", b""],
    "a set": lambda: {b"onetwothree"},
}


@check(
    known_faults={
        "asyncio-3.12": "waits for ever after an empty chunk at the end of writelines()",
        "asyncio-3.13": "waits for ever after an empty chunk at the end of writelines()",
    }
)
async def lines_of_any_kind_can_be_written(trial: StreamTrial) -> None:
    """writelines() takes any iterable of bytes-like objects, empty ones among them."""
    for kind, make in _LINES.items():
        reader = Recorder()
        left, _ = await trial.pair(None, reader)
        left.writelines(make())
        left.close()
        await reader.lost()
        expect_equal(bytes(reader.data), b"onetwothree", f"what arrived of {kind}")


@check(
    known_faults={
        "asyncio-3.12": "writelines() of nothing fails on internal state or waits for ever",
        "asyncio-3.13": "writelines() of nothing fails on internal state or waits for ever",
    }
)
async def writing_no_lines_does_nothing(trial: StreamTrial) -> None:
    """writelines() of an empty list, an empty iterator or only empty chunks sends nothing and changes nothing."""

    def nothing() -> Iterator[bytes]:
        yield from ()

    kinds: tuple[Any, ...] = ([], nothing(), [b""], [b"", bytearray()])
    for empty in kinds:
        reader = Recorder()
        left, _ = await trial.pair(None, reader)
        left.writelines(empty)
        expect_equal(left.get_write_buffer_size(), 0, f"the size of the write buffer after writelines({empty!r})")
        left.write(b"end")
        await reader.received(3)
        expect_equal(bytes(reader.data), b"end", "the bytes received")


@check()
async def thousands_of_lines_can_be_written(trial: StreamTrial) -> None:
    """writelines() takes more chunks than one system call does, small and large, and keeps their order."""
    lines = [b"%05d;" % number for number in range(5000)] + [_octets(300_000), b"tail"]
    for blocked in (False, True):
        reader = Recorder()
        left, right = await trial.pair(None, reader)
        if blocked:
            right.pause_reading()
            left.set_write_buffer_limits(high=2**30)
        left.writelines(lines)
        left.writelines(lines)
        right.resume_reading()
        await reader.received(2 * len(b"".join(lines)))
        expect(bytes(reader.data) == 2 * b"".join(lines), "other bytes arrived than were written, or in another order")
