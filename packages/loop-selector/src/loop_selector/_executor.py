"""Blocking functions in threads.

Source of the behaviour: Python documentation, "Event Loop", section "Executing code in thread or process pools".
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

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
    loop._check_closed()
    if loop._debug:
        loop._check_callback(func, "run_in_executor")
    if executor is None:
        executor = _default_executor(loop)
    return asyncio.wrap_future(executor.submit(func, *args), loop=loop)


def _default_executor(loop: SelectorEventLoop) -> ThreadPoolExecutor:
    if loop._executor_shutdown_called:
        raise RuntimeError("Executor shutdown has been called")
    if loop._default_executor is None:
        loop._default_executor = ThreadPoolExecutor(thread_name_prefix="asyncio")
    return loop._default_executor


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
