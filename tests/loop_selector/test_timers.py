from __future__ import annotations

import weakref
from collections import deque
from typing import Any

import pytest

from loop_selector._timers import TimerQueue


class Timer:
    """The least that can be put into the queue; cannot be compared with another one."""

    _when = 0.0


def push(queue: TimerQueue, when: float, timer: Timer) -> None:
    timer._when = when
    queue.push(when, timer)


def due(queue: TimerQueue, now: float) -> list[Any]:
    ready: deque[Any] = deque()
    queue.move_due(now, ready)
    return list(ready)


def test_timers_are_moved_in_the_order_of_their_times() -> None:
    queue, timers = TimerQueue(), [Timer(), Timer(), Timer()]
    for when, timer in zip((3.0, 1.0, 2.0), timers, strict=True):
        push(queue, when, timer)
    assert due(queue, 2.5) == [timers[1], timers[2]]
    assert due(queue, 2.5) == []
    assert due(queue, 3.0) == [timers[0]]


def test_timers_of_one_time_keep_the_order_in_which_they_came() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(20)]
    for timer in timers:
        push(queue, 1.0, timer)
    assert due(queue, 1.0) == timers


def test_timers_that_are_due_come_after_what_is_queued() -> None:
    queue, timer = TimerQueue(), Timer()
    push(queue, 1.0, timer)
    ready: deque[Any] = deque(["queued before"])
    assert queue.move_due(1.0, ready) == 1
    assert list(ready) == ["queued before", timer]


def test_a_cancelled_timer_is_skipped() -> None:
    queue, first, second = TimerQueue(), Timer(), Timer()
    push(queue, 1.0, first)
    push(queue, 2.0, second)
    queue.discard(first)
    assert queue.first() == 2.0
    assert due(queue, 5.0) == [second]
    assert queue.heap == []


def test_a_moved_timer_does_not_take_another_one_of_its_time_with_it_when_it_is_cancelled() -> None:
    queue, first, second = TimerQueue(), Timer(), Timer()
    push(queue, 1.0, first)
    due(queue, 1.0)
    push(queue, 1.0, second)
    queue.discard(first)
    assert due(queue, 1.0) == [second]
    queue.discard(second)
    assert due(queue, 1.0) == []


def test_timers_of_one_time_are_cancelled_one_by_one() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(5)]
    for timer in timers:
        push(queue, 1.0, timer)
    for timer in (timers[0], timers[0], timers[3], timers[4]):
        queue.discard(timer)
    assert queue.first() == 1.0
    assert due(queue, 1.0) == [timers[1], timers[2]]
    assert queue.timers == {}


def test_a_time_all_of_whose_timers_are_cancelled_can_be_used_again() -> None:
    queue, first, second, third = TimerQueue(), Timer(), Timer(), Timer()
    for timer in (first, second):
        push(queue, 1.0, timer)
    for timer in (first, second):
        queue.discard(timer)
    assert queue.first() is None
    push(queue, 1.0, third)
    assert due(queue, 1.0) == [third]


def test_a_cancelled_timer_is_freed_at_once() -> None:
    queue, timer = TimerQueue(), Timer()
    push(queue, 1.0, timer)
    alive = weakref.ref(timer)
    queue.discard(timer)
    del timer
    assert alive() is None


def test_a_time_that_cannot_be_looked_up_is_refused_with_nothing_left_behind() -> None:
    class Odd(float):
        __hash__ = None  # type: ignore[assignment]

    queue = TimerQueue()
    with pytest.raises(TypeError, match="unhashable"):
        push(queue, Odd(1.0), Timer())
    assert queue.heap == []


def test_without_timers_there_is_no_first() -> None:
    queue = TimerQueue()
    assert queue.first() is None
    timer = Timer()
    push(queue, 1.0, timer)
    queue.discard(timer)
    assert queue.first() is None


def test_many_cancelled_timers_are_thrown_out() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(1000)]
    for index, timer in enumerate(timers):
        push(queue, float(index), timer)
    heap = queue.heap
    for timer in timers[100:]:
        queue.discard(timer)
    assert len(queue.heap) < 250
    assert queue.heap is heap
    assert due(queue, 1e9) == timers[:100]
    assert queue.heap == []


def test_the_times_of_a_few_cancelled_timers_stay_where_they_are() -> None:
    queue, timers = TimerQueue(), [Timer() for _ in range(50)]
    for index, timer in enumerate(timers):
        push(queue, float(index), timer)
    for timer in timers:
        queue.discard(timer)
    assert len(queue.heap) == 50
    assert queue.first() is None
    assert queue.heap == []
