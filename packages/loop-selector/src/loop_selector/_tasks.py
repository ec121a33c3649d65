"""Tasks, which are asyncio's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context

    from loop_selector._loop import SelectorEventLoop

_T = TypeVar("_T")


def create_task(
    loop: SelectorEventLoop,
    coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
    *,
    name: str | None = None,
    context: Context | None = None,
    **kwargs: Any,
) -> asyncio.Task[_T]:
    """Run a coroutine as a task.

    Args:
        loop: the loop.
        coro: the coroutine.
        name: the task's name; one is made up by default.
        context: the context in which it runs; a copy of the current one by default.
        kwargs: what newer versions of Python accept, such as ``eager_start``; passed on as given.

    Raises:
        RuntimeError: if the loop is closed.
    """
    loop._check_closed()
    factory = loop._task_factory
    if factory is None:
        task: Any = asyncio.Task(coro, loop=loop, name=name, context=context, **kwargs)
        if task._source_traceback:
            del task._source_traceback[-1]
        return task  # type: ignore[no-any-return]
    # Factories exist that take the loop and the coroutine only: what was not given is not passed.
    if context is not None:
        kwargs["context"] = context
    task = factory(loop, coro, **kwargs)
    if name is not None and hasattr(task, "set_name"):
        task.set_name(name)
    return task  # type: ignore[no-any-return]


def set_task_factory(loop: SelectorEventLoop, factory: Callable[..., asyncio.Future[Any]] | None) -> None:
    """Have tasks made by a function ``factory(loop, coro, **given)``; None: by asyncio.Task.

    Raises:
        TypeError: if it cannot be called.
    """
    if factory is not None and not callable(factory):
        raise TypeError("task factory must be a callable or None")
    loop._task_factory = factory


def get_task_factory(loop: SelectorEventLoop) -> Callable[..., asyncio.Future[Any]] | None:
    """Return the task factory, or None if tasks are asyncio's."""
    return loop._task_factory
