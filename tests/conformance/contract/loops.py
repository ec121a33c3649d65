"""The loops on which the contract is tried."""

from __future__ import annotations

import asyncio
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Loop:
    """A loop: its name, the module that must be installed for it, and what makes it."""

    name: str
    module: str
    factory: Callable[[], Any]


def _uvloop() -> Any:
    import uvloop

    return uvloop.new_event_loop()


def _ours(poller: str) -> Callable[[], Any]:
    def factory() -> Any:
        import loop_selector

        return loop_selector.SelectorEventLoop(poller=getattr(loop_selector, poller))

    return factory


_POLLERS = {
    "epoll": ("EpollPoller", hasattr(select, "epoll")),
    "kqueue": ("KqueuePoller", hasattr(select, "kqueue")),
    "selectors": ("SelectPoller", True),
}

STOCK = Loop("asyncio", "asyncio", asyncio.new_event_loop)
UVLOOP = Loop("uvloop", "uvloop", _uvloop)
OURS = [
    Loop(f"loop_selector-{poller}", "loop_selector", _ours(name)) for poller, (name, there) in _POLLERS.items() if there
]
"""Our loop over every poller that this system has, the one that is used by default first."""

TWO = [STOCK, OURS[0]]
ALL = [STOCK, UVLOOP, *OURS]
