"""The heart: what runs when.

Theory of operation. One turn of the scheduler is:

1. ask the poller which descriptors are ready; wait for one only if nothing else is to be done before;
2. run the callbacks that were in the queue when the poller returned;
3. call what is registered for each ready descriptor, straight from the poller's answer;
4. run the timers that were due when the poller returned;
5. run the callbacks that are in the queue now; those that they add wait for the next turn.

Steps 2 to 4 are what asyncio does in one iteration, in the same order: programs rely on a callback being called before
the descriptors and timers that became ready after it was scheduled. Step 5 gives what the first four have caused (a
future's result, a task's next step) its turn without asking the poller again; it is what :meth:`Scheduler.stop`
leaves out. No chain of callbacks can keep descriptors or timers waiting.

The scheduler knows nothing of asyncio. It runs handles, which are anything with a callback (None once cancelled), its
arguments and a context to run it in. Errors of callbacks go to the function given for that; KeyboardInterrupt and
SystemExit leave :meth:`Scheduler.run` at once, with nothing lost but the callback that raised: descriptors not yet
served are reported by the next poll, callbacks not yet run stay in the queue.

There are two versions of the turn. The fast one does no more than the above. The other hands each call to an observer,
which may take the time it takes. Which one runs is decided when :meth:`Scheduler.run` starts and each time that
:meth:`Scheduler.interrupt` is called, so that the choice costs the fast one nothing.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from loop_selector._pollers import READ, WRITE
from loop_selector._readiness import Watches
from loop_selector._timers import TimerQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from loop_selector._pollers import Poller

__all__ = ["Clock", "Observer", "Runnable", "Scheduler"]

_MAX_WAIT = 24 * 3600.0
"""The longest wait, in seconds: systems limit what they accept."""

_MOST_EVENTS = 85
"""Descriptors that are served in one turn: as many as epoll tells in 1 KiB, up to which malloc is fastest."""


class Clock(Protocol):
    """Tell the time by which timers run."""

    def time(self) -> float:
        """Return seconds that never go back."""
        ...


class Runnable(Protocol):
    """What the queue of ready callbacks holds; each at most once, since a pass ends at the one that was last."""

    _callback: Callable[..., object] | None
    _args: Any
    _context: Context


class Observer(Protocol):
    """See every call that the scheduler makes, and make it."""

    def io(self, callback: Callable[[], object]) -> None:
        """Make the call for a ready descriptor."""

    def run(self, handle: Any) -> None:
        """Make the call of a ready callback that is not cancelled."""


class Scheduler:
    """Run callbacks as they become ready.

    Args:
        clock: the time by which timers run; asked anew each time.
        poller: what descriptors are watched with; closed with the scheduler.
        on_error: called with a handle and what its callback raised.
        on_io_error: called with the callable of a descriptor and what it raised.
    """

    def __init__(
        self,
        clock: Clock,
        poller: Poller,
        on_error: Callable[[Any, BaseException], object],
        on_io_error: Callable[[Callable[[], object], BaseException], object],
    ) -> None:
        self.ready: deque[Any] = deque()
        self.timers = TimerQueue()
        self.watches = Watches(poller)
        self.observer: Observer | None = None
        """Sees every call from the next :meth:`interrupt` on, if there is one."""
        self.before_waiting: Callable[[], object] | None = None
        """Called when there is nothing left to do, before waiting; it may add ready callbacks."""
        self._clock = clock
        self._on_error = on_error
        self._on_io_error = on_io_error
        self._stopping = False
        self._leaving = False

    def stop(self) -> None:
        """Let :meth:`run` return at the end of this turn, or after one turn if it does not run."""
        self._stopping = self._leaving = True

    def interrupt(self) -> None:
        """Let what was changed (observer, poller) take effect with the next turn."""
        self._leaving = True

    def run(self) -> None:
        """Run turns until :meth:`stop` is called."""
        try:
            while True:
                self._leaving = self._stopping
                if self.observer is None:
                    self._run_fast()
                else:
                    self._run_observed(self.observer)
                if self._stopping:
                    break
        finally:
            self._stopping = self._leaving = False

    def close(self) -> None:
        """Forget everything that was to be called, and close the poller."""
        self.ready.clear()
        self.timers.clear()
        self.watches.close()
        self.before_waiting = None

    # -- the fast turn ---------------------------------------------------------------------------------------------

    def _run_fast(self) -> None:  # noqa: C901 - a call costs more than what it would hold
        watches = self.watches
        reader_of = watches.readers.get
        changed = watches.changed
        poll = watches.poller.poll
        ready = self.ready
        timers = self.timers
        heap = timers.heap
        clock = self._clock
        callback: Callable[..., object] | None
        timeout = 0 if ready or self._leaving else self._wait_time()
        while True:
            if changed:
                changed.clear()
            callback = None  # what is not needed any more must not be kept alive while the poller waits
            events = poll(timeout, _MOST_EVENTS)
            count = len(ready)
            due = 0
            if heap:
                now = clock.time()
                if heap[0] <= now:
                    due = timers.move_due(now, ready)
            if count:
                self._run_ready(count)

            for fd, mask in events:
                if mask == READ and (not changed or fd not in changed):
                    callback = reader_of(fd)
                    if callback is not None:
                        try:
                            callback()
                        except (KeyboardInterrupt, SystemExit):
                            raise
                        except BaseException as exc:
                            self._on_io_error(callback, exc)
                        continue
                self._dispatch(fd, mask)

            count = len(ready)
            if count:
                count = due if self._leaving else count
                if count:
                    self._run_ready(count)
            if self._leaving:
                return
            if ready:
                timeout = 0
            elif heap or self.before_waiting is not None:
                timeout = self._wait_time()
            else:
                timeout = None

    # Not in the turn itself, whose variables would keep the last handle alive until the next event.
    def _run_ready(self, count: int) -> None:
        """Run that many callbacks of the queue."""
        ready = self.ready
        # Up to a known handle instead of a number of times: to make an iterator costs as much as a call.
        last = ready[count - 1]
        while True:
            handle = ready.popleft()
            callback = handle._callback
            if callback is not None:
                args = handle._args
                try:
                    # An argument list to unpack costs more than these two questions.
                    if not args:
                        handle._context.run(callback)
                    elif len(args) == 1:
                        handle._context.run(callback, args[0])
                    else:
                        handle._context.run(callback, *args)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as exc:
                    self._on_error(handle, exc)
            if handle is last:
                return

    def _wait_time(self) -> float | None:
        """Return how long to wait, in seconds; None for ever."""
        if self.before_waiting is not None:
            self.before_waiting()
            if self.ready:
                return 0
        when = self.timers.first()
        if when is None:
            return None
        return min(max(when - self._clock.time(), 0), _MAX_WAIT)

    def _dispatch(self, fd: int, mask: int) -> None:
        """Serve a descriptor in any case that is not the common one: readable only, and not changed since the poll."""
        for callback in self._callbacks_of(fd, mask):
            if fd not in self.watches.changed:
                try:
                    callback()
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as exc:
                    self._on_io_error(callback, exc)

    def _callbacks_of(self, fd: int, mask: int) -> list[Callable[[], object]]:
        """Return what to call for an event; an error or hang-up concerns both directions."""
        watches = self.watches
        if fd in watches.changed:
            return []
        reader, writer = watches.readers.get(fd), watches.writers.get(fd)
        if reader is None and writer is None:
            watches.orphaned(fd)
            self.interrupt()
        found = [reader if mask & ~WRITE else None, writer if mask & ~READ else None]
        return [callback for callback in found if callback is not None]

    # -- the observed turn -----------------------------------------------------------------------------------------

    def _run_observed(self, observer: Observer) -> None:
        while True:
            timeout = 0 if self.ready or self._leaving else self._wait_time()
            self.watches.changed.clear()
            events = self.watches.poller.poll(timeout, _MOST_EVENTS)
            count = len(self.ready)
            due = self.timers.move_due(self._clock.time(), self.ready)
            self._observe_ready(observer, count)
            for fd, mask in events:
                self._serve(observer, fd, mask)
            self._observe_ready(observer, due if self._leaving else len(self.ready))
            if self._leaving:
                return

    # Not in the turn itself, whose variables would keep the last transport alive until the next event.
    def _serve(self, observer: Observer, fd: int, mask: int) -> None:
        for callback in self._callbacks_of(fd, mask):
            if fd not in self.watches.changed:
                self._observe_io(observer, callback)

    def _observe_io(self, observer: Observer, callback: Callable[[], object]) -> None:
        try:
            observer.io(callback)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._on_io_error(callback, exc)

    def _observe_ready(self, observer: Observer, count: int) -> None:
        for _ in range(count):
            handle = self.ready.popleft()
            if handle._callback is not None:
                try:
                    observer.run(handle)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as exc:
                    self._on_error(handle, exc)
