"""How a loop begins to run, stops, is closed, and what becomes of it in a forked child.

Theory of operation of forks. The child of a fork in the middle of a running loop has a copy of the loop whose epoll
set, wake-up sockets and signal wake-up descriptor are not copies: they are the parent's. A byte that the child reads
is lost to the parent, and a descriptor that it unregisters (by closing a transport, say) is unregistered for both. So
each living loop is told of a fork, in the child, before anything else runs there: it takes a new poller, in which it
watches the same descriptors, and a new wake-up. Nobody needs to run the copy; it can be closed or dropped without
harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any, TypeVar, cast

from loop_selector import _debug
from loop_selector._resolve import LookupThreads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from loop_selector._loop import SelectorEventLoop

_T = TypeVar("_T")

_logger = logging.getLogger("asyncio")


def _stop_loop_of(future: asyncio.Future[Any]) -> None:
    """Stop the loop of a future that is done, unless its exception has left the loop already."""
    if not future.cancelled() and isinstance(future.exception(), (KeyboardInterrupt, SystemExit)):
        return
    future.get_loop().stop()


_when_complete: Callable[[asyncio.Future[Any]], object] = _stop_loop_of
with contextlib.suppress(ImportError):
    # AnyIO finds the root task of a loop by this very callback (find_root_task), hence the private name.
    from asyncio.base_events import _run_until_complete_cb  # type: ignore[attr-defined]

    _when_complete = cast("Callable[[asyncio.Future[Any]], object]", _run_until_complete_cb)


def run_forever(loop: SelectorEventLoop) -> None:
    """Run until :meth:`stop` is called.

    Raises:
        RuntimeError: if the loop is closed or already runs, or another one runs in this thread.
    """
    _check_may_run(loop)
    old_hooks = sys.get_asyncgen_hooks()
    try:
        loop._thread_id = threading.get_ident()
        _debug.track_origins(loop, loop._debug)
        sys.set_asyncgen_hooks(
            firstiter=lambda agen: _generator_started(loop, agen),
            finalizer=lambda agen: _generator_dropped(loop, agen),
        )
        asyncio._set_running_loop(loop)
        loop._wakeup.reset()
        loop._signals.rearm()
        loop._scheduler.run()
    finally:
        loop._thread_id = None
        asyncio._set_running_loop(None)
        _debug.track_origins(loop, False)
        sys.set_asyncgen_hooks(*old_hooks)


def _check_may_run(loop: SelectorEventLoop) -> None:
    loop._check_closed()
    if loop.is_running():
        raise RuntimeError("This event loop is already running")
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("Cannot run the event loop while another loop is running")


def run_until_complete(loop: SelectorEventLoop, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
    """Run until a future is done and return its result, or raise its exception.

    Args:
        loop: the loop.
        future: a future of this loop, or a coroutine, which is run as a task.

    Raises:
        RuntimeError: as :meth:`run_forever`, or if the loop is stopped before.
    """
    _check_may_run(loop)
    is_new = not asyncio.isfuture(future)
    task: asyncio.Future[_T] = asyncio.ensure_future(cast(Any, future), loop=loop)
    if is_new:
        # An error is raised below if it is not done; a second message would help nobody.
        cast(Any, task)._log_destroy_pending = False
    task.add_done_callback(_when_complete)
    try:
        loop.run_forever()
    except BaseException:
        if is_new and task.done() and not task.cancelled():
            task.exception()  # retrieved: the caller gets what was raised and never sees the task
        raise
    finally:
        task.remove_done_callback(_when_complete)
    if not task.done():
        raise RuntimeError("Event loop stopped before Future completed.")
    return task.result()


def stop(loop: SelectorEventLoop) -> None:
    """Stop at the end of the current turn; the callbacks that are ready still run."""
    loop._scheduler.stop()


def close(loop: SelectorEventLoop) -> None:
    """Close the loop: nothing that was scheduled is called any more; no effect on a closed one.

    Does not wait for the threads of the default executor.

    Raises:
        RuntimeError: if the loop is running.
    """
    if loop.is_running():
        raise RuntimeError("Cannot close a running event loop")
    if loop._closed:
        return
    if loop._debug:
        _logger.debug("Close %r", loop)
    loop._closed = loop._guarded = True
    loop._signals.close()
    loop._wakeup.close()
    loop._scheduler.close()
    loop._executor_shutdown_called = True
    executor, loop._default_executor = loop._default_executor, None
    if executor is not None:
        executor.shutdown(wait=False)


# -- asynchronous generators ---------------------------------------------------------------------------------------


def _generator_started(loop: SelectorEventLoop, agen: AsyncGenerator[Any, Any]) -> None:
    if loop._asyncgens_shutdown_called:
        warnings.warn(
            f"asynchronous generator {agen!r} was scheduled after loop.shutdown_asyncgens() call",
            ResourceWarning,
            source=loop,
            stacklevel=2,
        )
    loop._asyncgens.add(agen)


def _generator_dropped(loop: SelectorEventLoop, agen: AsyncGenerator[Any, Any]) -> None:
    """Finish a generator that nobody refers to any more; called by the collector, in any thread."""
    loop._asyncgens.discard(agen)
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.create_task, agen.aclose())


async def shutdown_asyncgens(loop: SelectorEventLoop) -> None:
    """Finish all asynchronous generators that were started and are still alive."""
    loop._asyncgens_shutdown_called = True
    generators = list(loop._asyncgens)
    loop._asyncgens.clear()
    if not generators:
        return
    results = await asyncio.gather(*[agen.aclose() for agen in generators], return_exceptions=True)
    for agen, result in zip(generators, results, strict=True):
        if isinstance(result, Exception):
            loop.call_exception_handler(
                {
                    "message": f"an error occurred during closing of asynchronous generator {agen!r}",
                    "exception": result,
                    "asyncgen": agen,
                }
            )


# -- forks ---------------------------------------------------------------------------------------------------------

_loops: weakref.WeakSet[SelectorEventLoop] = weakref.WeakSet()


def register(loop: SelectorEventLoop) -> None:
    """Have a loop taken care of when the process forks."""
    _loops.add(loop)


def _after_fork_in_child() -> None:
    for loop in list(_loops):
        if not loop._closed:
            loop._watches.renew()
            loop._wakeup.renew()
            loop._lookups = LookupThreads()
            loop._signals.forked()
            loop._scheduler.interrupt()


_register_at_fork: Callable[..., None] | None = getattr(os, "register_at_fork", None)
if _register_at_fork is not None:
    _register_at_fork(after_in_child=_after_fork_in_child)
