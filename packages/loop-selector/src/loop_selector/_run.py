"""Make a loop, and run a program in one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from loop_selector._loop import SelectorEventLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")

__all__ = ["new_event_loop", "run"]


def new_event_loop() -> SelectorEventLoop:
    """Make a loop; what ``loop_factory`` arguments ask for."""
    return SelectorEventLoop()


def run(main: Coroutine[Any, Any, _T], *, debug: bool | None = None) -> _T:
    """Run a coroutine in a loop of its own and return its result, as :func:`asyncio.run` does.

    Args:
        main: the coroutine.
        debug: whether the loop is in debug mode; None: as ``-X dev`` and PYTHONASYNCIODEBUG say.

    Raises:
        RuntimeError: if a loop is running in this thread.
    """
    if asyncio._get_running_loop() is not None:
        main.close()
        raise RuntimeError("run() cannot be called from a running event loop")
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main)
