from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from loop_selector._timers import TimerQueue

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """The least that can be put into the queue; cannot be compared with another one."""

    def __init__(self) -> None:
        self._callback: Callable[..., object] | None = print
        self._scheduled = True

    def cancel(self, queue: TimerQueue) -> None:
        self._callback = None
        queue.discard(self)


def due(queue: TimerQueue, now: float) -> list[Any]:
    ready: deque[Any] = deque()
    queue.move_due(now, ready)
    return list(ready)


def test_timers_are_moved_in_the_order_of_their_times() -> None:
    queue, timers = TimerQueue(), [Timer(), Timer(), Timer()]
    for when, timer in zip((3.0, 1.0, 2.0), timers, strict=True):
        queue.push(when, timer)
    assert due(queue, 2.5) == [timers[1], timers[2]]
    assert due(queue, 2.5) == []
    assert due(queue, 3.0) == [timers[0]]


def test_timers_of_one_time_keep_the_order_in_which_they_came() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(20)]
    for timer in timers:
        queue.push(1.0, timer)
    assert due(queue, 1.0) == timers


def test_timers_that_are_due_come_after_what_is_queued() -> None:
    queue, timer = TimerQueue(), Timer()
    queue.push(1.0, timer)
    ready: deque[Any] = deque(["queued before"])
    assert queue.move_due(1.0, ready) == 1
    assert list(ready) == ["queued before", timer]


def test_a_cancelled_timer_is_skipped() -> None:
    queue, first, second = TimerQueue(), Timer(), Timer()
    queue.push(1.0, first)
    queue.push(2.0, second)
    first.cancel(queue)
    assert queue.first() == 2.0
    assert due(queue, 5.0) == [second]
    assert queue.cancelled == 0


def test_a_moved_timer_is_not_scheduled_any_more() -> None:
    queue, timer = TimerQueue(), Timer()
    queue.push(1.0, timer)
    due(queue, 1.0)
    assert not timer._scheduled


def test_without_timers_there_is_no_first() -> None:
    queue = TimerQueue()
    assert queue.first() is None
    timer = Timer()
    queue.push(1.0, timer)
    timer.cancel(queue)
    assert queue.first() is None


def test_many_cancelled_timers_are_thrown_out() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(1000)]
    for index, timer in enumerate(timers):
        queue.push(float(index), timer)
    heap = queue.heap
    for timer in timers[100:]:
        timer.cancel(queue)
    assert len(queue.heap) < 250
    assert queue.heap is heap
    assert due(queue, 1e9) == timers[:100]
    assert queue.cancelled == 0


def test_a_few_cancelled_timers_stay_where_they_are() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(50)]
    for timer in timers:
        queue.push(1.0, timer)
    for timer in timers:
        timer.cancel(queue)
    assert len(queue.heap) == 50


def test_a_timer_whose_callback_is_not_gone_yet_is_thrown_out_when_it_is_the_last_straw() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(101)]
    for timer in timers:
        queue.push(1.0, timer)
    for timer in timers:
        queue.discard(timer)  # as asyncio's own handles do: tell the loop, then forget the callback
        timer._callback = None
    assert queue.heap == []
    assert queue.cancelled == 0
