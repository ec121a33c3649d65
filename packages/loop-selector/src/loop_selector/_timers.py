"""The timers: a heap of times, and what is to be called at each.

The heap holds bare numbers, which heapq compares in a third of the time that tuples take. A dictionary leads from a
time to its timer. Times are those of a clock that counts nanoseconds, so hardly ever do two timers share one; those
that do are kept together, in the order in which they came.

A cancelled timer leaves the dictionary at once. Its time stays in the heap and leads to nothing when it comes. Once
more than half of a heap of some size does, all of those are thrown out together, which keeps the cost of a cancellation
constant in the mean.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections import deque

__all__ = ["Timed", "TimerQueue"]

_COMPACT_ABOVE = 100
"""Times that lead to nothing, of which the heap may have so many whatever their share."""


class Timed(Protocol):
    """What the queue must know of a timer."""

    _when: float


class TimerQueue:
    """A queue of timers by time; times are numbers of one clock, in seconds.

    ``heap`` and ``timers`` are the same objects for the queue's life. To add a timer where each call counts, do as
    :meth:`push` does.
    """

    __slots__ = ("heap", "timers")

    def __init__(self) -> None:
        self.heap: list[float] = []
        """All times; its first is the earliest."""
        self.timers: dict[float, Any] = {}
        """The timer of each time, or a dictionary of several by their identity."""

    def push(self, when: float, timer: Timed) -> None:
        """Add a timer."""
        if self.timers.setdefault(when, timer) is timer:
            heappush(self.heap, when)
        else:
            self.share(when, timer)

    def share(self, when: float, timer: Timed) -> None:
        """Add a timer whose time is another one's too."""
        there = self.timers[when]
        if type(there) is not dict:
            there = self.timers[when] = {id(there): there}
        there[id(timer)] = timer

    def discard(self, timer: Timed) -> None:
        """Remove a timer; no effect if it is not in the queue, or not any more."""
        when, timers = timer._when, self.timers
        there = timers.get(when)
        if type(there) is dict:
            there.pop(id(timer), None)
            if there:
                return
        elif there is not timer:
            return
        del timers[when]
        if len(self.heap) > 2 * len(timers) + _COMPACT_ABOVE:
            self.heap[:] = timers
            heapify(self.heap)

    def first(self) -> float | None:
        """Return when the first timer is due, or None without timers."""
        heap, timers = self.heap, self.timers
        while heap:
            if heap[0] in timers:
                return heap[0]
            heappop(heap)
        return None

    def move_due(self, now: float, ready: deque[Any]) -> int:
        """Move the timers that are due by now to the end of a queue, in order, and return how many there were."""
        heap, take = self.heap, self.timers.pop
        before = len(ready)
        while heap and heap[0] <= now:
            timer = take(heappop(heap), None)
            if type(timer) is dict:
                ready.extend(timer.values())
            elif timer is not None:
                ready.append(timer)
        return len(ready) - before

    def clear(self) -> None:
        """Forget all timers."""
        self.heap.clear()
        self.timers.clear()
