"""Errors that no caller can be told of: what is reported, and in which words.

Source of the behaviour: Python documentation, "Event Loop", section "Error Handling API".
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import reprlib
import traceback
from contextvars import Context
from typing import TYPE_CHECKING, Any

from loop_selector._handles import make_handle

if TYPE_CHECKING:
    from collections.abc import Callable

    from loop_selector._handles import Handle
    from loop_selector._loop import SelectorEventLoop

_logger = logging.getLogger("asyncio")

_STACKS = {"source_traceback": "Object", "handle_traceback": "Handle"}
"""Keys of a report whose values are stacks, and what they tell the origin of."""


def get_exception_handler(loop: SelectorEventLoop) -> Callable[[Any, dict[str, Any]], object] | None:
    """Return the exception handler, or None if the default one is in use."""
    return loop._exception_handler


def set_exception_handler(loop: SelectorEventLoop, handler: Callable[[Any, dict[str, Any]], object] | None) -> None:
    """Have errors given to a function ``handler(loop, context)``; None: to the default handler.

    Raises:
        TypeError: if it cannot be called.
    """
    if handler is not None and not callable(handler):
        raise TypeError(f"A callable object or None is expected, got {handler!r}")
    loop._exception_handler = handler


def call_exception_handler(loop: SelectorEventLoop, context: dict[str, Any]) -> None:
    """Report an error that no caller can be told of.

    Args:
        loop: the loop.
        context: ``message``, and what is known of ``exception``, ``future``, ``task``, ``handle``, ``protocol``,
            ``transport``, ``socket`` and ``asyncgen``; more keys are allowed.
    """
    handler = loop._exception_handler
    if handler is None:
        _report_by_default(loop, context, "Exception in default exception handler")
        return
    try:
        _in_context_of(context, handler, loop, context)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:
        report = {"message": "Unhandled error in exception handler", "exception": exc, "context": context}
        _report_by_default(
            loop,
            report,
            "Exception in default exception handler while handling an unexpected error in custom exception handler",
        )


def _report_by_default(loop: SelectorEventLoop, context: dict[str, Any], failure: str) -> None:
    """Call the default handler, which a subclass may have replaced by one that raises."""
    try:
        loop.default_exception_handler(context)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        _logger.error(failure, exc_info=True)


def _in_context_of(report: dict[str, Any], function: Callable[..., object], *args: Any) -> None:
    """Call a function in the contextvars context of the task or handle that failed, if it has one."""
    subject = next((report[key] for key in ("task", "future", "handle") if report.get(key) is not None), None)
    context = _context_of(subject)
    entered = False

    def inside() -> None:
        nonlocal entered
        entered = True
        function(*args)

    if context is not None:
        try:
            context.run(inside)
        except RuntimeError:
            if entered:
                raise
        else:
            return
    # Without a context, or already in it: a context cannot be entered twice.
    function(*args)


def _context_of(subject: Any) -> Context | None:
    if isinstance(subject, asyncio.Handle):
        found = subject._context  # type: ignore[attr-defined]
    else:
        get = getattr(subject, "get_context", None)  # not of futures, and of tasks only since Python 3.12
        found = None if get is None else get()
    return found if isinstance(found, Context) else None


def default_exception_handler(loop: SelectorEventLoop, context: dict[str, Any]) -> None:
    """Log an error to the logger "asyncio": the message, then all else that is known, a line each."""
    message = context.get("message") or "Unhandled exception in event loop"
    exception = context.get("exception")
    current = loop._observer.current
    if "source_traceback" not in context and current is not None and current._source_traceback:
        context["handle_traceback"] = current._source_traceback
    lines = [message]
    lines += [f"{key}: {_shown(key, context[key])}" for key in sorted(context) if key not in ("message", "exception")]
    exc_info: Any = (type(exception), exception, exception.__traceback__) if exception is not None else False
    _logger.error("\n".join(lines), exc_info=exc_info)


def _shown(key: str, value: Any) -> str:
    if key not in _STACKS:
        return repr(value)
    stack = "".join(traceback.format_list(value)).rstrip()
    return f"{_STACKS[key]} created at (most recent call last):\n{stack}"


# -- what the scheduler reports ------------------------------------------------------------------------------------


def callback_failed(loop: SelectorEventLoop, handle: Any, exc: BaseException) -> None:
    """Report what a callback raised."""
    what = describe(handle._callback, handle._args, loop.get_debug())
    context = {"message": f"Exception in callback {what}", "exception": exc, "handle": handle}
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    loop.call_exception_handler(context)


def io_failed(loop: SelectorEventLoop, callback: Callable[[], object], exc: BaseException) -> None:
    """Report what a descriptor's callback raised."""
    loop._callback_failed(handle_of(loop, callback), exc)


def wakeup_broken(loop: SelectorEventLoop, reason: str) -> None:
    """Report that the loop's wake-up had to be repaired; what woke it may have been lost for a moment, not for good."""
    loop._signals.rearm()
    loop.call_exception_handler({"message": f"the wake-up of the event loop was broken and is replaced ({reason})"})


def handle_of(loop: SelectorEventLoop, callback: Callable[[], object]) -> Handle:
    """Return a handle, for reports, of what is registered for a descriptor: usually a partial of ``Context.run``."""
    context = getattr(getattr(callback, "func", None), "__self__", None)
    args: tuple[Any, ...] = getattr(callback, "args", ())
    if isinstance(context, Context) and args:
        return make_handle(args[0], args[1:], loop, context)
    return make_handle(callback, (), loop)


def describe(callback: Any, args: Any, with_args: bool) -> str:
    """Name a callback and where it is defined; its arguments may be secret and are shown in debug mode only."""
    shown = f"({', '.join(map(reprlib.repr, args or ()))})" if with_args else "()"
    while isinstance(callback, functools.partial):
        inner = f"({', '.join(map(reprlib.repr, callback.args))})" if with_args else "()"
        callback, shown = callback.func, inner + shown
    name = getattr(callback, "__qualname__", None) or getattr(callback, "__name__", None) or repr(callback)
    code = getattr(inspect.unwrap(callback) if callable(callback) else None, "__code__", None)
    where = f" at {code.co_filename}:{code.co_firstlineno}" if code is not None else ""
    return f"{name}{shown}{where}"
