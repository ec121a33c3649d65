"""Debug mode: where things were created, what takes long, who calls from the wrong thread.

Source of the behaviour: Python documentation, "Developing with asyncio", section "Debug Mode".

The loop reads one flag in its busiest methods, ``_guarded``: set while it is closed or in debug mode. Everything that
either needs is done here, off the fast path.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from loop_selector._reports import handle_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from loop_selector._loop import SelectorEventLoop

_logger = logging.getLogger("asyncio")

_ORIGIN_DEPTH = 10
"""Frames that are kept of where a coroutine was created."""


def is_debug_wanted() -> bool:
    """Return whether loops start in debug mode: ``-X dev`` or PYTHONASYNCIODEBUG."""
    return sys.flags.dev_mode or (not sys.flags.ignore_environment and bool(os.environ.get("PYTHONASYNCIODEBUG")))


def get_debug(loop: SelectorEventLoop) -> bool:
    """Return whether the loop is in debug mode."""
    return loop._debug


def set_debug(loop: SelectorEventLoop, enabled: bool) -> None:
    """Switch debug mode on or off; a running loop follows with its next turn."""
    loop._debug = enabled
    loop._guarded = enabled or loop._closed
    loop._scheduler.observer = loop._observer if enabled else None
    if loop.is_running():
        loop._scheduler.interrupt()
        loop.call_soon_threadsafe(track_origins, loop, enabled)


def track_origins(loop: SelectorEventLoop, enabled: bool) -> None:
    """Have coroutines record where they were created, for the message about those never awaited."""
    if enabled == (loop._tracked_depth is not None):
        return
    if enabled:
        loop._tracked_depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(_ORIGIN_DEPTH)
    elif loop._tracked_depth is not None:
        sys.set_coroutine_origin_tracking_depth(loop._tracked_depth)
        loop._tracked_depth = None


def check_callback(loop: SelectorEventLoop, callback: object, method: str) -> None:
    """Refuse what cannot be a callback.

    Raises:
        TypeError: if it is a coroutine, a coroutine function or not callable.
    """
    refuse_coroutine(callback, method)
    if not callable(callback):
        raise TypeError(f"a callable object was expected by {method}(), got {callback!r}")


def refuse_coroutine(callback: object, method: str) -> None:
    """Refuse a coroutine or coroutine function where a callback is expected."""
    # asyncio.iscoroutinefunction() also knows its own old marker, but leaves Python in 3.16.
    if asyncio.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
        raise TypeError(f"coroutines cannot be used with {method}()")


def check_thread(loop: SelectorEventLoop) -> None:
    """Refuse a call from another thread than the one in which the loop runs.

    Raises:
        RuntimeError: if the loop runs in another thread.
    """
    if loop._thread_id is not None and loop._thread_id != threading.get_ident():
        raise RuntimeError("Non-thread-safe operation invoked on an event loop other than the current one")


def call_soon_guarded(
    loop: SelectorEventLoop, callback: Callable[..., object], args: Any, context: Context | None, method: str
) -> asyncio.Handle:
    """Do the work of call_soon() on a loop that is closed or in debug mode."""
    loop._check_closed()
    if method == "call_soon":
        loop._check_thread()
    loop._check_callback(callback, method)
    handle = asyncio.Handle(callback, args, loop, context)
    _forget_own_frames(handle)
    loop._ready.append(handle)
    return handle


def call_at_guarded(
    loop: SelectorEventLoop,
    when: float,
    callback: Callable[..., object],
    args: Any,
    context: Context | None,
    method: str,
) -> asyncio.TimerHandle:
    """Do the work of call_at() and call_later() on a loop that is closed or in debug mode, or for NaN."""
    loop._check_closed()
    if not (when >= 0 or when < 0):
        raise ValueError(f"{method}() needs a number of seconds, got {when!r}")
    loop._check_thread()
    loop._check_callback(callback, method)
    timer: Any = asyncio.TimerHandle(when, callback, args, loop, context)
    _forget_own_frames(timer)
    loop._timers.push(when, timer)
    return timer  # type: ignore[no-any-return]


def _forget_own_frames(handle: Any) -> None:
    """Let the recorded stack end where the loop was called: without the method and the function behind it."""
    if handle._source_traceback:
        del handle._source_traceback[-2:]


class DebugObserver:
    """Times every call of the loop's scheduler, and remembers which handle is being run.

    Args:
        loop: the loop whose ``slow_callback_duration`` is the limit.
    """

    def __init__(self, loop: SelectorEventLoop) -> None:
        self._loop = loop
        self.current: Any = None

    def run(self, handle: Any) -> None:
        """Run a handle."""
        loop = self._loop
        self.current = handle
        start = loop.time()
        try:
            handle._context.run(handle._callback, *handle._args)
        finally:
            self._report_slow(handle, loop.time() - start)
            # What the call raised may be kept (by a task), and its traceback leads back to this frame.
            self.current = handle = None

    def io(self, callback: Callable[[], object]) -> None:
        """Call what is registered for a descriptor."""
        start = self._loop.time()
        try:
            callback()
        finally:
            self._report_slow(callback, self._loop.time() - start)

    def _report_slow(self, what: Any, seconds: float) -> None:
        if seconds >= self._loop.slow_callback_duration:
            handle = what if isinstance(what, asyncio.Handle) else handle_of(self._loop, what)
            owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
            subject = owner if isinstance(owner, asyncio.Task) else handle
            _logger.warning("Executing %s took %.3f seconds", subject, seconds)
