"""Checks of a stream: the write buffer, its two marks, and the calls that they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import Recorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport_abc._transports import Transport
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)

_HIGH = 64 * 1024

_WAYS: dict[str, Callable[[Transport, bytes], None]] = {
    "write(bytes)": lambda transport, data: transport.write(data),
    "write(bytearray)": lambda transport, data: transport.write(bytearray(data)),
    "writelines": lambda transport, data: transport.writelines([data[:1], data[1:]]),
    "writelines of a generator": lambda transport, data: transport.writelines(part for part in (data[:9], data[9:])),
}
"""Every way in which data gets into the write buffer."""


_SIXTEEN = "the low-water mark is 16 bytes by default"


@check(known_faults={"uvloop": _SIXTEEN})
async def limits_are_those_of_asyncio(trial: StreamTrial) -> None:
    """The marks are 16 KiB and 64 KiB by default; one given, the other follows: low is a quarter of high."""
    left, _ = await trial.pair()
    expect_equal(left.get_write_buffer_limits(), (16384, 65536), "(low, high) by default")
    for given, expected in (
        ({"high": 4000}, (1000, 4000)),
        ({"low": 100}, (100, 400)),
        ({"high": 50, "low": 50}, (50, 50)),
        ({"high": 0}, (0, 0)),
        ({"low": 0}, (0, 0)),
        ({}, (16384, 65536)),
    ):
        left.set_write_buffer_limits(**given)
        expect_equal(left.get_write_buffer_limits(), expected, f"(low, high) after {given}")


@check()
async def impossible_limits_are_refused(trial: StreamTrial) -> None:
    """set_write_buffer_limits() raises ValueError unless high >= low >= 0, and leaves the marks as they were."""
    left, _ = await trial.pair()
    before = left.get_write_buffer_limits()
    impossible: list[dict[str, Any]] = [{"high": -1}, {"low": -1}, {"high": 10, "low": 11}, {"high": 5, "low": -5}]
    for given in impossible:
        try:
            left.set_write_buffer_limits(**given)
        except ValueError:
            expect_equal(left.get_write_buffer_limits(), before, f"(low, high) after {given} was refused")
        else:
            raise CheckFailed(f"{given} was taken")


@check()
async def the_write_buffer_is_empty_unless_the_peer_stalls(trial: StreamTrial) -> None:
    """get_write_buffer_size() is 0 at first, more while data waits, and 0 again when it has been sent."""
    reader = Recorder()
    left, right = await trial.pair(None, reader)
    expect_equal(left.get_write_buffer_size(), 0, "the size of a new write buffer")
    right.pause_reading()
    left.set_write_buffer_limits(high=2**30)
    size = await trial.fill(left)
    expect(0 < left.get_write_buffer_size() <= 2 * size, f"{left.get_write_buffer_size()} bytes of {size} wait")
    right.resume_reading()
    await reader.received(size)
    await trial.drained(left)


_ITEMS = "counts the items of a view for bytes"


@check(needs=("exact_buffer_size",))
async def the_write_buffer_counts_bytes(trial: StreamTrial) -> None:
    """get_write_buffer_size() grows by the number of bytes written, whatever they are written as."""
    left, _, _ = await trial.filled_pair()
    for way, write in _WAYS.items():
        before = left.get_write_buffer_size()
        write(left, b"x" * 1000)
        expect_equal(left.get_write_buffer_size() - before, 1000, f"growth of the write buffer by {way}")


@check(needs=("exact_buffer_size",), known_faults={"asyncio-3.12": _ITEMS, "asyncio-3.13": _ITEMS})
async def the_write_buffer_counts_no_items(trial: StreamTrial) -> None:
    """get_write_buffer_size() counts bytes also for a memoryview whose items are wider than a byte."""
    left, _, _ = await trial.filled_pair()
    before = left.get_write_buffer_size()
    left.write(memoryview(bytes(4000)).cast("I"))
    expect_equal(left.get_write_buffer_size() - before, 4000, "growth of the write buffer by 4000 bytes")


_UNCOUNTED = (
    "writelines() never leads to pause_writing: memory grows without end (CVE-2024-12254, fixed in 3.12.9, 3.13.2)"
)


@check(known_faults={"asyncio-3.12": _UNCOUNTED, "asyncio-3.13": _UNCOUNTED})
async def every_way_of_writing_is_paused(trial: StreamTrial) -> None:
    """pause_writing comes, once, however the high-water mark is passed: with write() or writelines()."""
    for way, write in _WAYS.items():
        writer = Recorder()
        left, _, _ = await trial.filled_pair(writer)
        left.set_write_buffer_limits(high=left.get_write_buffer_size() + _HIGH)
        expect_equal(writer.count("pause_writing"), 0, "calls of pause_writing() below the mark")
        for _ in range(10):
            write(left, b"x" * _HIGH)
        expect_equal(writer.count("pause_writing"), 1, f"calls of pause_writing() at ten times the mark, by {way}")


@check()
async def pausing_starts_strictly_over_the_mark(trial: StreamTrial) -> None:
    """pause_writing comes from within the write() that takes the buffer strictly over the high-water mark."""
    writer = Recorder()
    left, _, _ = await trial.filled_pair(writer)
    high = left.get_write_buffer_size() + 1000
    left.set_write_buffer_limits(high=high)
    while (size := left.get_write_buffer_size()) <= high:
        expect(not writer.paused, f"paused at {size} bytes, though the mark is {high}")
        left.write(b"x" * min(100, max(1, high - size)))
    expect(writer.paused, f"not paused at {size} bytes, though the mark is {high}")


@check(needs=("exact_buffer_size",))
async def a_buffer_at_the_mark_is_not_paused(trial: StreamTrial) -> None:
    """A buffer of exactly the size of the high-water mark is not over it; one byte more is."""
    writer = Recorder()
    left, _, _ = await trial.filled_pair(writer)
    left.set_write_buffer_limits(high=left.get_write_buffer_size() + 100)
    left.write(b"x" * 100)
    expect_equal(writer.count("pause_writing"), 0, "calls of pause_writing() at the mark")
    left.write(b"x")
    expect_equal(writer.count("pause_writing"), 1, "calls of pause_writing() one byte over the mark")


@check()
async def a_mark_of_zero_pauses_on_any_buffer(trial: StreamTrial) -> None:
    """With a high-water mark of 0 anything that waits pauses, and what is sent at once does not."""
    writer, reader = Recorder(), Recorder()
    left, right = await trial.pair(writer, reader)
    left.set_write_buffer_limits(high=0)
    left.write(b"sent at once")
    await reader.received(12)
    expect_equal(writer.count("pause_writing"), 0, "calls of pause_writing() while the peer reads")
    right.pause_reading()
    await trial.fill(left)
    expect_equal(writer.count("pause_writing"), 1, "calls of pause_writing()")


@check()
async def a_lowered_mark_is_looked_at_at_once(trial: StreamTrial) -> None:
    """set_write_buffer_limits() pauses if the buffer is over the new mark."""
    writer = Recorder()
    left, _, _ = await trial.filled_pair(writer)
    left.set_write_buffer_limits(high=left.get_write_buffer_size())
    expect_equal(writer.count("pause_writing"), 0, "calls of pause_writing() at the mark")
    left.set_write_buffer_limits(high=left.get_write_buffer_size() - 1)
    expect_equal(writer.count("pause_writing"), 1, "calls of pause_writing()")


@check()
async def resuming_comes_at_the_low_mark(trial: StreamTrial) -> None:
    """resume_writing comes once, when the buffer has drained to the low-water mark or under."""
    sizes: list[int] = []
    writer = Recorder(resume_writing=lambda: sizes.append(left.get_write_buffer_size()))
    reader = Recorder()
    left, right, _ = await trial.filled_pair(writer, reader)
    left.set_write_buffer_limits(high=_HIGH, low=1000)
    left.write(b"x" * 2**22)  # too much to be sent at once
    expect(writer.paused, "not paused over the mark")
    await trial.turns()
    expect(writer.paused, "resumed though the peer reads nothing")
    right.resume_reading()
    await writer.called("resume_writing")
    expect(sizes[0] <= 1000, f"resumed with {sizes[0]} bytes in the buffer, though the low-water mark is 1000")
    await trial.settle()
    expect_equal(writer.count("resume_writing"), 1, "calls of resume_writing()")


@check()
async def pauses_and_resumes_alternate(trial: StreamTrial) -> None:
    """pause_writing and resume_writing take turns, beginning with pause_writing."""
    writer, reader = Recorder(), Recorder()
    left, right = await trial.pair(writer, reader)
    total = 0
    for cycle in range(1, 4):
        right.pause_reading()
        while not writer.paused:
            left.write(b"x" * 2**18)
            total += 2**18
        right.resume_reading()
        await writer.called("resume_writing", cycle)
    await reader.received(total)
    row = [name for name in writer.names() if name.endswith("_writing")]
    expect_equal(row, ["pause_writing", "resume_writing"] * 3, "the calls")


@check()
async def writing_in_resume_writing(trial: StreamTrial) -> None:
    """A protocol may write in resume_writing, be paused again by that, and nothing is lost or reordered."""
    extra = [bytes([number]) * 200_000 for number in range(1, 6)]
    expected = b"".join(extra)

    def go_on() -> None:
        while extra and not writer.paused:
            left.write(extra.pop(0))

    writer, reader = Recorder(resume_writing=go_on), Recorder()
    left, right, size = await trial.filled_pair(writer, reader)
    left.set_write_buffer_limits(high=1000)
    right.resume_reading()
    await reader.received(size + len(expected))
    expect(reader.data[size:] == expected, "other bytes arrived than were written, or in another order")


@check()
async def writing_and_closing_in_pause_writing(trial: StreamTrial) -> None:
    """A protocol may write a last word and close in pause_writing."""

    def give_up() -> None:
        left.write(b"enough")
        left.close()

    writer, reader = Recorder(pause_writing=give_up), Recorder()
    left, right, size = await trial.filled_pair(writer, reader)
    left.set_write_buffer_limits(high=0)
    right.resume_reading()
    await writer.lost()
    await reader.lost()
    expect_equal(bytes(reader.data[size:]), b"enough", "what arrived at the end")


@check(
    known_faults={
        "asyncio": "schedules connection_lost in close(), then calls it: twice, the second time on internal state"
    }
)
async def closing_in_resume_writing(trial: StreamTrial) -> None:
    """A protocol may write a last word and close in resume_writing."""
    for word in (b"", b"enough", b"x" * 2**22):

        def finish(word: bytes = word) -> None:
            left.write(word)  # noqa: B023
            left.close()  # noqa: B023

        writer, reader = Recorder(resume_writing=finish), Recorder()
        left, right, size = await trial.filled_pair(writer, reader)
        left.set_write_buffer_limits(high=0)
        right.resume_reading()
        expect_equal(await writer.lost(), None, "the argument of connection_lost()")
        await reader.lost()
        expect(reader.data[size:] == word, f"not what was written last, {len(word)} bytes, arrived at the end")
        await trial.turns()
        expect_equal(writer.count("connection_lost"), 1, "calls of connection_lost()")
