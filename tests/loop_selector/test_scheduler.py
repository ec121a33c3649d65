from __future__ import annotations

from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector._scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now


class Poller:
    """A poller that answers what it was told to, and moves the clock by what it would have waited."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.renewals = 0
        self.waits: list[float | None] = []
        self.answers: list[list[tuple[int, int]]] = []
        self.masks: dict[int, int] = {}

    def poll(self, timeout: float | None, most: int = -1) -> list[tuple[int, int]]:
        self.waits.append(timeout)
        if self.answers:
            return self.answers.pop(0)
        assert timeout is not None, "nothing would ever happen"
        self.clock.now += timeout
        return []

    def register(self, fd: int, mask: int) -> None:
        self.masks[fd] = mask

    modify = register

    def unregister(self, fd: int) -> None:
        del self.masks[fd]

    def renew(self) -> Poller:
        self.renewals += 1
        return self

    def close(self) -> None:
        self.masks.clear()


class Handle:
    """A callback to run."""

    def __init__(self, callback: Callable[..., object], *args: Any) -> None:
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self._context = copy_context()
        self._when = 0.0


class Observer:
    """Counts calls and makes them."""

    def __init__(self) -> None:
        self.seen = 0

    def io(self, callback: Callable[[], object]) -> None:
        self.seen += 1
        callback()

    def run(self, handle: Any) -> None:
        self.seen += 1
        handle._context.run(handle._callback, *handle._args)


class Fixture:
    """A scheduler without a system below it."""

    def __init__(self, observer: Observer | None = None) -> None:
        self.clock = Clock()
        self.poller = Poller(self.clock)
        self.errors: list[BaseException] = []
        self.scheduler = Scheduler(
            self.clock,
            self.poller,
            lambda handle, exc: self.errors.append(exc),
            lambda callback, exc: self.errors.append(exc),
        )
        self.scheduler.observer = observer
        self.log: list[object] = []

    def soon(self, callback: Callable[..., object], *args: Any) -> Handle:
        handle = Handle(callback, *args)
        self.scheduler.ready.append(handle)
        return handle

    def later(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        handle = Handle(callback, *args)
        handle._when = self.clock.now + delay
        self.scheduler.timers.push(handle._when, handle)
        return handle

    def note(self, what: object) -> None:
        self.log.append(what)

    def one_turn(self) -> list[object]:
        self.scheduler.stop()
        self.scheduler.run()
        return self.log


@pytest.fixture(params=[False, True], ids=["fast", "observed"])
def world(request: pytest.FixtureRequest) -> Fixture:
    return Fixture(Observer() if request.param else None)


def test_callbacks_run_in_the_order_they_came(world: Fixture) -> None:
    for number in range(5):
        world.soon(world.note, number)
    assert world.one_turn() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("args", [(), (1,), (1, 2), (1, 2, 3)])
def test_callbacks_get_their_arguments(world: Fixture, args: tuple[int, ...]) -> None:
    world.soon(lambda *got: world.note(got), *args)
    assert world.one_turn() == [args]


def test_callbacks_run_in_their_context(world: Fixture) -> None:
    variable = ContextVar("variable", default="outside")
    handle = world.soon(lambda: world.note(variable.get()))
    handle._context.run(variable.set, "inside")
    assert world.one_turn() == ["inside"]


def test_a_cancelled_callback_does_not_run(world: Fixture) -> None:
    world.soon(world.note, "a")._callback = None
    world.soon(world.note, "b")
    assert world.one_turn() == ["b"]


def test_what_a_callback_adds_waits_when_the_scheduler_is_stopping(world: Fixture) -> None:
    world.soon(lambda: world.soon(world.note, "added"))
    assert world.one_turn() == []
    assert world.one_turn() == ["added"]


def test_a_chain_of_callbacks_does_not_keep_descriptors_waiting(world: Fixture) -> None:
    def again() -> None:
        world.note("callback")
        world.soon(again)

    def read() -> None:
        world.note("descriptor")
        world.scheduler.stop()

    world.scheduler.watches.start_reading(7, read)
    world.poller.answers = [[], [(7, 1)]]
    world.soon(again)
    world.scheduler.run()
    assert "descriptor" in world.log[:6]


def test_what_was_queued_before_the_poll_runs_before_what_the_poll_found(world: Fixture) -> None:
    world.scheduler.watches.start_reading(7, lambda: world.note("descriptor"))
    world.poller.answers = [[(7, 1)]]
    world.later(0, world.note, "timer")
    world.soon(world.note, "queued")
    assert world.one_turn() == ["queued", "descriptor", "timer"]


def test_what_was_queued_runs_before_a_timer_that_became_due_later(world: Fixture) -> None:
    def slow() -> None:
        world.soon(world.note, "queued")
        world.later(1, world.note, "timer")
        world.clock.now += 5

    world.soon(slow)
    world.later(7, world.scheduler.stop)
    world.scheduler.run()
    assert world.log == ["queued", "timer"]


def test_a_timer_that_a_callback_of_its_turn_cancels_does_not_run(world: Fixture) -> None:
    timer = world.later(0, world.note, "must not run")
    world.soon(lambda: setattr(timer, "_callback", None))
    assert world.one_turn() == []


def test_the_poller_is_not_waited_for_while_callbacks_are_ready(world: Fixture) -> None:
    world.soon(world.note, 1)
    world.one_turn()
    assert world.poller.waits == [0]


def test_the_poller_is_waited_for_until_the_first_timer(world: Fixture) -> None:
    world.later(30, world.scheduler.stop)
    world.later(5, world.note, "five")
    world.scheduler.run()
    assert world.poller.waits == [5, 25]
    assert world.log == ["five"]


def test_no_wait_is_longer_than_a_day(world: Fixture) -> None:
    world.later(float("inf"), world.note, "never")
    world.later(86400 * 3, world.scheduler.stop)
    world.scheduler.run()
    assert world.poller.waits == [86400] * 3
    assert world.log == []


def test_without_timers_the_wait_has_no_end(world: Fixture) -> None:
    world.scheduler.watches.start_reading(7, world.scheduler.stop)
    world.poller.answers = [[(7, 1)]]
    world.scheduler.run()
    assert world.poller.waits == [None]


def test_a_timer_of_the_past_is_due_at_once(world: Fixture) -> None:
    world.later(-5, world.note, "past")
    assert world.one_turn() == ["past"]


def test_what_comes_before_waiting_may_add_callbacks(world: Fixture) -> None:
    def before() -> None:
        world.note("before")
        world.scheduler.before_waiting = None
        world.soon(world.scheduler.stop)

    world.scheduler.before_waiting = before
    world.scheduler.run()
    assert world.log == ["before"]
    assert world.poller.waits == [0]


def test_an_event_of_both_directions_calls_both(world: Fixture) -> None:
    world.scheduler.watches.start_reading(7, lambda: world.note("read"))
    world.scheduler.watches.start_writing(7, lambda: world.note("write"))
    world.poller.answers = [[(7, 5)]]
    assert world.one_turn() == ["read", "write"]


@pytest.mark.parametrize("mask", [8, 16, 24], ids=["error", "hang-up", "both"])
def test_an_error_calls_whoever_is_registered(world: Fixture, mask: int) -> None:
    world.scheduler.watches.start_reading(7, lambda: world.note("read 7"))
    world.scheduler.watches.start_writing(8, lambda: world.note("write 8"))
    world.poller.answers = [[(7, mask), (8, mask)]]
    assert world.one_turn() == ["read 7", "write 8"]


def test_a_descriptor_removed_since_the_poll_is_not_called(world: Fixture) -> None:
    watches = world.scheduler.watches
    watches.start_reading(7, lambda: watches.stop_reading(8))
    watches.start_reading(8, lambda: world.note("must not be called"))
    world.poller.answers = [[(7, 1), (8, 1)]]
    assert world.one_turn() == []


def test_a_descriptor_registered_anew_since_the_poll_is_not_called(world: Fixture) -> None:
    watches = world.scheduler.watches

    def replace() -> None:
        watches.release(8)
        watches.start_reading(8, lambda: world.note("another file with the same number"))

    watches.start_reading(7, replace)
    watches.start_reading(8, lambda: world.note("must not be called"))
    world.poller.answers = [[(7, 1), (8, 1)], [(8, 1)]]
    assert world.one_turn() == []
    assert world.one_turn() == ["another file with the same number"]


def test_a_writer_is_not_called_when_the_reader_has_removed_it(world: Fixture) -> None:
    watches = world.scheduler.watches
    watches.start_reading(7, lambda: watches.release(7))
    watches.start_writing(7, lambda: world.note("must not be called"))
    world.poller.answers = [[(7, 5)]]
    assert world.one_turn() == []


def test_a_callback_that_raises_is_reported_and_the_others_run(world: Fixture) -> None:
    error = ZeroDivisionError()

    def fail() -> None:
        raise error

    world.soon(fail)
    world.soon(world.note, "next")
    world.later(0, fail)
    assert world.one_turn() == ["next"]
    assert world.errors == [error, error]


def test_a_descriptor_that_raises_is_reported_and_the_others_are_called(world: Fixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    world.scheduler.watches.start_reading(7, fail)
    world.scheduler.watches.start_reading(8, lambda: world.note("next"))
    world.scheduler.watches.start_writing(9, fail)
    world.poller.answers = [[(7, 1), (9, 4), (8, 1)]]
    assert world.one_turn() == ["next"]
    assert [type(error) for error in world.errors] == [ZeroDivisionError, ZeroDivisionError]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_leaves_at_once_and_nothing_else_is_lost(world: Fixture, kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind

    world.soon(fail)
    world.soon(world.note, "kept")
    with pytest.raises(kind):
        world.scheduler.run()
    assert world.errors == []
    assert world.log == []
    assert world.one_turn() == ["kept"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_leaves_a_descriptors_callback_at_once(world: Fixture, kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind

    for fd, mask in ((7, 1), (8, 4)):
        world.scheduler.watches.start_reading(7, fail)
        world.scheduler.watches.start_writing(8, fail)
        world.poller.answers = [[(fd, mask)]]
        with pytest.raises(kind):
            world.scheduler.run()
    assert world.errors == []


def test_an_observer_sees_every_call_from_the_next_turn_on() -> None:
    world = Fixture()
    observer = Observer()

    def switch() -> None:
        world.scheduler.observer = observer
        world.scheduler.interrupt()
        world.soon(world.note, "same turn or next")
        world.later(1, world.note, "observed")
        world.later(2, world.scheduler.stop)

    world.soon(switch)
    world.scheduler.run()
    assert world.log == ["same turn or next", "observed"]
    assert observer.seen >= 2


def test_an_event_of_a_descriptor_that_nobody_watches_starts_over_with_a_new_poller(world: Fixture) -> None:
    world.scheduler.watches.start_reading(7, lambda: world.note("watched"))
    world.poller.answers = [[(9, 1), (7, 1)], [(7, 1)]]
    world.one_turn()
    assert world.poller.renewals == 1
    assert world.poller.masks == {7: 1}
    world.one_turn()
    assert "watched" in world.log
