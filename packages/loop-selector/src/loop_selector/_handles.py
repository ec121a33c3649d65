"""What ``call_soon`` and its relatives return: asyncio's handles, made lean.

asyncio's constructor asks the loop for its debug flag and sets up to ten attributes. Here the constants among them
belong to the class, and "cancelled" is simply to have no callback. A handle is made empty, which runs no Python at all,
and whoever makes it fills it: the loop's busiest methods by themselves, all others with :func:`make_handle`. In debug
mode the loop makes asyncio's own handles, which record where they were created. All are run and cancelled through the
same attributes.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from loop_selector._loop import SelectorEventLoop

__all__ = ["Handle", "TimerHandle", "make_handle"]


class Handle(asyncio.Handle):
    """A callback that the loop will call; ``cancel()`` prevents it."""

    __slots__ = ()

    if TYPE_CHECKING:  # in the slots of asyncio.Handle
        _callback: Callable[..., object] | None
        _args: Any
        _loop: SelectorEventLoop
        _context: Context

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__

    _repr = None
    _source_traceback = None

    @property
    def _cancelled(self) -> bool:  # type: ignore[override]
        return self._callback is None

    def cancel(self) -> None:
        """Cancel the callback and let go of its arguments; no effect if it is cancelled already."""
        self._callback = None
        self._args = None

    def cancelled(self) -> bool:
        """Return True if the callback was cancelled."""
        return self._callback is None


class TimerHandle(asyncio.TimerHandle):
    """A callback that the loop will call at a time of its clock; ``cancel()`` prevents it."""

    __slots__ = ()

    if TYPE_CHECKING:  # in the slots of asyncio.TimerHandle
        _callback: Callable[..., object] | None
        _args: Any
        _loop: SelectorEventLoop
        _context: Context
        _when: float

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__

    _repr = None
    _source_traceback = None

    @property
    def _cancelled(self) -> bool:  # type: ignore[override]
        return self._callback is None

    def cancel(self) -> None:
        """Cancel the callback and let go of its arguments; no effect if it is cancelled already."""
        if self._callback is not None:
            self._callback = None
            self._args = None
            self._loop._timers.discard(self)

    def cancelled(self) -> bool:
        """Return True if the callback was cancelled."""
        return self._callback is None


def make_handle(
    callback: Callable[..., object], args: Any, loop: SelectorEventLoop, context: Context | None = None
) -> Handle:
    """Make a handle whose callback runs in a context; None: in a copy of the current one."""
    handle = Handle()
    handle._callback = callback
    handle._args = args
    handle._loop = loop
    handle._context = copy_context() if context is None else context
    return handle
