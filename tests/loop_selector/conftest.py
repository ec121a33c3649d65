"""The loop under test, once with each poller that this system has."""

from __future__ import annotations

import select
import selectors
import sys
from typing import TYPE_CHECKING

import pytest

from loop_selector import EpollPoller, KqueuePoller, Poller, SelectorEventLoop, SelectPoller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _pollers() -> dict[str, Callable[[], Poller]]:
    found: dict[str, Callable[[], Poller]] = {"select": lambda: SelectPoller(selectors.SelectSelector())}
    if hasattr(select, "poll"):
        found["poll"] = lambda: SelectPoller(selectors.PollSelector())
    if sys.platform == "linux":
        found["epoll"] = EpollPoller
    if sys.platform != "linux" and hasattr(select, "kqueue"):
        found["kqueue"] = KqueuePoller
    return found


POLLERS = _pollers()


@pytest.fixture(params=sorted(POLLERS))
def make_poller(request: pytest.FixtureRequest) -> Callable[[], Poller]:
    """Each way to make a poller here."""
    return POLLERS[request.param]


@pytest.fixture
def loop(make_poller: Callable[[], Poller]) -> Iterator[SelectorEventLoop]:
    """A loop with each poller; closed after the test."""
    loop = SelectorEventLoop(poller=make_poller)
    yield loop
    loop.close()
