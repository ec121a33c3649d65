"""Blocking functions in threads.

Source of the behaviour: Python documentation, "Event Loop", section "Executing code in thread or process pools".
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from concurrent.futures import CancelledError, Future, InvalidStateError, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from loop_selector._loop import SelectorEventLoop

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


def run_in_executor(
    loop: SelectorEventLoop, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
) -> asyncio.Future[_T]:
    """Call a blocking function in a thread of an executor; None: of the default one.

    Raises:
        RuntimeError: if the loop is closed or its default executor was shut down.
    """
    if loop._guarded:
        loop._check_closed()
        loop._check_callback(func, "run_in_executor")
    if executor is None:
        executor = _default_executor(loop)
    source = executor.submit(func, *args)
    if not isinstance(source, Future):
        return asyncio.wrap_future(source, loop=loop)  # of an executor of its own kind; may be a future of the loop
    # The same as wrap_future() does for any two futures, in half the time as it is known what these two are.
    future = loop.create_future()
    future.add_done_callback(partial(_withdraw, source))
    source.add_done_callback(partial(_announce, loop, future))
    return future


def _default_executor(loop: SelectorEventLoop) -> ThreadPoolExecutor:
    if loop._executor_shutdown_called:
        raise RuntimeError("Executor shutdown has been called")
    if loop._default_executor is None:
        loop._default_executor = ThreadPoolExecutor(thread_name_prefix="asyncio")
    return loop._default_executor


def _withdraw(source: Future[Any], future: asyncio.Future[Any]) -> None:
    """Cancel a call that has not begun, when nobody waits for it any more."""
    if future.cancelled():
        source.cancel()


def _announce(loop: SelectorEventLoop, future: asyncio.Future[Any], source: Future[Any]) -> None:
    """Have the loop take what a call came to; runs in the thread that made the call."""
    if not loop._closed:
        loop.call_soon_threadsafe(_take, future, source)


def _take(future: asyncio.Future[Any], source: Future[Any]) -> None:
    """Give a future what a call came to."""
    if future.done():  # cancelled meanwhile
        return
    try:
        error = source.exception()
    except CancelledError:  # of the call itself; one that its function raised is returned
        future.cancel()
        return
    if error is None:
        future.set_result(source.result())
    else:
        future.set_exception(_as_of_asyncio(error))


def _as_of_asyncio(error: BaseException) -> BaseException:
    """Turn an error of concurrent.futures itself into the one of asyncio that says the same."""
    if type(error) is CancelledError:
        return asyncio.CancelledError(*error.args).with_traceback(error.__traceback__)
    if type(error) is InvalidStateError:
        return asyncio.InvalidStateError(*error.args).with_traceback(error.__traceback__)
    return error


def set_default_executor(loop: SelectorEventLoop, executor: Executor) -> None:
    """Have blocking functions run in this executor.

    Raises:
        TypeError: if it is not a ThreadPoolExecutor.
    """
    if not isinstance(executor, ThreadPoolExecutor):
        raise TypeError("executor must be ThreadPoolExecutor instance")
    loop._default_executor = executor


async def shutdown_default_executor(loop: SelectorEventLoop, timeout: float | None = None) -> None:
    """Shut the default executor down and wait for its threads.

    Args:
        loop: the loop.
        timeout: how long to wait, in seconds; a RuntimeWarning tells when it was not enough.
    """
    loop._executor_shutdown_called = True
    executor = loop._default_executor
    if executor is None:
        return
    future = loop.create_future()
    thread = threading.Thread(target=_shut_down, args=(loop, executor, future))
    thread.start()
    try:
        async with asyncio.timeout(timeout):
            await future
    except TimeoutError:
        warnings.warn(
            f"The executor did not finishing joining its threads within {timeout} seconds.",
            RuntimeWarning,
            stacklevel=2,
        )
        executor.shutdown(wait=False)
    else:
        thread.join()


def _shut_down(loop: SelectorEventLoop, executor: ThreadPoolExecutor, future: asyncio.Future[None]) -> None:
    """Wait for the threads of an executor, in a thread that may wait."""
    error: Exception | None = None
    try:
        executor.shutdown(wait=True)
    except Exception as exc:
        error = exc
    if not loop.is_closed():
        loop.call_soon_threadsafe(_finish, future, error)


def _finish(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
