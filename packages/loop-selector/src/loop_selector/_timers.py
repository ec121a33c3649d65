"""The timers: a heap of what is to be called and when.

The heap holds tuples ``(when, sequence, handle)``, so that heapq compares floats (and, for equal times, the order of
entry) without a call into Python. A cancelled timer stays where it is and is skipped when its time has come; once more
than half of a heap of some size is cancelled, all of those are thrown out together, which keeps the cost of a
cancellation constant in the mean.
"""

from __future__ import annotations

import itertools
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

__all__ = ["Timed", "TimerQueue"]

_COMPACT_ABOVE = 100
"""Cancelled timers that are tolerated in the heap whatever their share."""


class Timed(Protocol):
    """What the heap must know of a timer: its callback is None once it is cancelled."""

    _callback: Callable[..., object] | None
    _scheduled: bool


class TimerQueue:
    """A queue of timers by time; times are floats of one clock, in seconds.

    ``heap`` is for reading: the list stays the same object for the queue's life, and its first entry is the earliest.
    """

    __slots__ = ("cancelled", "heap", "sequence")

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Timed]] = []
        self.cancelled = 0
        """How many entries of the heap are cancelled."""
        self.sequence = itertools.count().__next__
        """Gives each entry its number; for those who push on the heap themselves because it is faster."""

    def push(self, when: float, timer: Timed) -> None:
        """Add a timer."""
        heappush(self.heap, (when, self.sequence(), timer))

    def discard(self, timer: Timed) -> None:
        """Count a timer of the heap as cancelled."""
        timer._scheduled = False
        self.cancelled += 1
        if self.cancelled > _COMPACT_ABOVE and 2 * self.cancelled > len(self.heap):
            self._compact(timer)

    def _compact(self, last: Timed) -> None:
        """Throw out the cancelled timers; the last one's callback may not be None yet."""
        self.heap[:] = [entry for entry in self.heap if entry[2]._callback is not None and entry[2] is not last]
        heapify(self.heap)
        self.cancelled = 0

    def first(self) -> float | None:
        """Return when the first timer is due, or None without timers."""
        heap = self.heap
        while heap:
            when, _, timer = heap[0]
            if timer._callback is not None:
                return when
            heappop(heap)
            self.cancelled -= 1
        return None

    def move_due(self, now: float, ready: deque[Any]) -> int:
        """Move the timers that are due by now to the end of a queue, in order, and return how many there were."""
        heap = self.heap
        before = len(ready)
        while heap and heap[0][0] <= now:
            timer = heappop(heap)[2]
            if timer._callback is None:
                self.cancelled -= 1
            else:
                timer._scheduled = False
                ready.append(timer)
        return len(ready) - before

    def clear(self) -> None:
        """Forget all timers."""
        self.heap.clear()
        self.cancelled = 0
